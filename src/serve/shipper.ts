/**
 * Delivers the lines of followed files to a Weir. Lines go to batch files in a folder, with the places in the logs in the same file: a batch
 * is complete on the disk, under its number, before it is sent, and it is sent under one `Idempotency-Key` until it is answered. So a
 * line is read once and counted once, whoever is stopped when. When the folder is full, reading pauses: the logs themselves are the buffer.
 *
 *   state.json        {"series", "places"}: the name of this folder, and the places of the newest batch that was delivered
 *   00000001.batch    one line of JSON {"places", "lines"}, then the lines
 */

import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../base/faults.js';
import { clearHit, emptyHit, type Hit, showBytes } from '../base/hit.js';
import { type LogReader, openLogReader } from '../collect/log-formats.js';
import { firstLinesOf } from '../collect/log-lines.js';
import { parsePlace, Tail } from './tail.js';

export interface ShipperOptions {
  readonly files: readonly string[];
  readonly to: string;
  readonly folder: string;
  readonly format: string | undefined;
  readonly token: string | undefined;
  readonly now: () => number;
  readonly notice: (text: string) => void;
}

const batchBytes = 1 << 20;
const batchesMax = 1024;
const pollMs = 250;
const retryMsMax = 30_000;

export class Shipper {
  readonly #options: ShipperOptions;
  #series = '';
  #number = 0;
  #waiting: number[] = [];
  #lines: string[] = [];
  #bytes = 0;
  #places: Record<string, string> = {};
  readonly #tails = new Map<string, Tail>();
  /** Lines delivered, and those of them that the server could not read. */
  sent = 0;
  rejected = 0;

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  /** Follows and delivers until the signal; `once`: until what is there was delivered. */
  async run(signal: AbortSignal, once: boolean): Promise<void> {
    this.#restore();
    for (const path of this.#options.files) this.#tails.set(path, this.#follow(path));
    let retryMs = 250;
    let finished = false;
    for (;;) {
      let taken = this.#read();
      if (once && taken === 0 && !finished) {
        finished = true;
        for (const tail of this.#tails.values()) tail.finish();
        this.#cut();
        taken = 1;
      }
      const delivered = await this.#deliver(signal);
      if (signal.aborted) break;
      if (delivered && once && taken === 0 && this.#waiting.length === 0) break;
      if (delivered && taken > 0) continue;
      await pause(delivered ? pollMs : retryMs, signal);
      retryMs = delivered ? 250 : Math.min(retryMsMax, retryMs * 2);
      if (signal.aborted) break;
    }
    for (const tail of this.#tails.values()) tail.stop();
  }

  // What an earlier run left: its name, undelivered batches, and the places after the last of them.
  #restore(): void {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true });
    const state = join(folder, 'state.json');
    if (existsSync(state)) {
      const { series, places, number } = JSON.parse(readFileSync(state, 'utf8')) as {
        series: string;
        places: Record<string, string>;
        number: number;
      };
      this.#series = series;
      this.#places = places;
      this.#number = number;
    } else {
      this.#series = randomUUID();
      this.#saveState();
    }
    const numbers = readdirSync(folder).flatMap((name) => (/^\d{8}\.batch$/.test(name) ? [Number(name.slice(0, 8))] : []));
    for (const number of numbers.sort((one, two) => one - two)) {
      // One that the state already holds was delivered before its file could be removed.
      if (number <= this.#number) rmSync(this.#path(number));
      else this.#waiting.push(number);
    }
    const last = this.#waiting.at(-1);
    if (last === undefined) return;
    this.#number = last;
    this.#places = this.#readBatch(last).places;
  }

  #follow(path: string): Tail {
    let reader: LogReader | undefined;
    const hit = emptyHit();
    const begin = (head: Buffer): void => {
      const { format, now } = this.#options;
      const lines = firstLinesOf(head);
      const opened = openLogReader(lines, { format, nowMs: now() });
      for (const line of lines.filter((text) => text.startsWith('#'))) {
        clearHit(hit);
        opened.parse(line, hit);
      }
      // Formats that the server cannot know by a line alone are sent as records.
      reader = ['combined', 'vhost', 'json', 'syslog'].includes(opened.name) ? undefined : opened;
    };
    const line = (text: string): void => {
      let out = text;
      if (reader !== undefined) {
        clearHit(hit);
        const cause = reader.parse(text, hit);
        if (cause === 'blank') return;
        if (cause === '') out = recordOf(hit);
      }
      this.#lines.push(`${out}\n`);
      this.#bytes += out.length + 1;
    };
    return new Tail(
      { path, begin, line, tooLong: () => this.#options.notice(`${path}: a line of more than 2 MiB was passed over`) },
      parsePlace(this.#places[path]),
    );
  }

  // Reads what is new into batches on the disk; answers the bytes taken.
  #read(): number {
    let taken = 0;
    for (const tail of this.#tails.values()) {
      while (this.#waiting.length < batchesMax) {
        const size = tail.poll(batchBytes);
        taken += size;
        if (size === 0) break;
        if (this.#bytes >= batchBytes) this.#cut();
      }
    }
    this.#cut();
    return taken;
  }

  #cut(): void {
    if (this.#lines.length === 0) return;
    for (const [path, tail] of this.#tails) this.#places[path] = JSON.stringify(tail.place ?? {});
    this.#number += 1;
    const head = `${JSON.stringify({ places: this.#places, lines: this.#lines.length })}\n`;
    writeWhole(this.#path(this.#number), [Buffer.from(head), Buffer.from(this.#lines.join(''), 'latin1')]);
    this.#waiting.push(this.#number);
    this.#lines = [];
    this.#bytes = 0;
  }

  // Sends what waits, oldest first; false: the server could not take it.
  async #deliver(signal: AbortSignal): Promise<boolean> {
    for (let number = this.#waiting[0]; number !== undefined; number = this.#waiting[0]) {
      if (signal.aborted) return true;
      const { body, lines, places } = this.#readBatch(number);
      const answer = await this.#post(number, body, signal);
      if (answer === undefined) return false;
      this.sent += lines;
      this.rejected += answer;
      this.#saveState(number, places);
      rmSync(this.#path(number));
      this.#waiting.shift();
    }
    return true;
  }

  // Answers the lines that the server rejected; undefined: try again.
  async #post(number: number, body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<number | undefined> {
    const { to, token, notice } = this.#options;
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(new URL('/ingest/logs', to), {
        method: 'POST',
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
        headers: {
          'Content-Type': 'text/plain',
          'Idempotency-Key': `${this.#series}-${number}`,
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      });
      text = await answer.text();
    } catch (error) {
      if (!signal.aborted) notice(`${to}: ${error instanceof Error ? causeOf(error) : String(error)}; what waits stays on the disk`);
      return undefined;
    }
    if (answer.status === 200) {
      const { rejected = {} } = JSON.parse(text) as { rejected?: Record<string, number> };
      return Object.values(rejected).reduce((sum, count) => sum + count, 0);
    }
    if (answer.status === 429 || answer.status >= 500) return undefined;
    throw new Refused(`${to} answers ${answer.status}: ${text.slice(0, 200)}`);
  }

  #readBatch(number: number): { places: Record<string, string>; lines: number; body: Uint8Array<ArrayBuffer> } {
    const bytes = readFileSync(this.#path(number));
    const end = bytes.indexOf(10);
    const { places, lines } = JSON.parse(bytes.toString('utf8', 0, end)) as { places: Record<string, string>; lines: number };
    return { places, lines, body: new Uint8Array(bytes.subarray(end + 1)) };
  }

  #saveState(number = 0, places: Record<string, string> = {}): void {
    const state = { series: this.#series, number, places };
    writeWhole(join(this.#options.folder, 'state.json'), [Buffer.from(JSON.stringify(state))]);
  }

  #path(number: number): string {
    return join(this.#options.folder, `${String(number).padStart(8, '0')}.batch`);
  }
}

// The file is whole under its name, or not there.
function writeWhole(path: string, parts: readonly Buffer[]): void {
  const descriptor = openSync(`${path}.part`, 'w');
  try {
    for (const part of parts) for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.part`, path);
}

function recordOf(hit: Hit): string {
  const { timeMs, method, target, status, bytes, host, vhost, user, referer, agent, servedMs } = hit;
  const texts = Object.entries({ method, url: target, host, vhost, user, referer, agent }).filter(([, text]) => text !== '');
  const shown = Object.fromEntries(texts.map(([name, text]) => [name, showBytes(text)]));
  const record = { time: timeMs, ...shown, status, bytes, ...(Number.isNaN(servedMs) ? {} : { ms: servedMs }) };
  return Buffer.from(JSON.stringify(record)).toString('latin1');
}

function causeOf(error: Error): string {
  const cause = error.cause;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
