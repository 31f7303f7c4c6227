/**
 * `weir rrd -`: commands on standard input, a line each, answered as `rrdtool -` answers: `OK` or `ERROR: ...`. The store stays open between updates, and what
 * comes at once is one commit: every `OK` is written after its reading is durable, at most half a second later while more comes.
 */

import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Fault } from '../base/faults.js';
import type { OpenMetrics } from '../serve/open-metrics.js';
import { RrdWriter } from '../serve/rrd-writer.js';
import { systemText } from './main.js';
import { createWith } from './rrd-create.js';
import { openRrdStore } from './rrd-store.js';
import { updateWith } from './rrd-update.js';
import type { RrdContext } from './rrd-verb.js';

const lineBytesMax = 1 << 24;
const pendingMax = 60_000;
const idleMs = 2;
const waitMsMax = 500;
const ageMs = 30_000;

/** Runs a verb that only reads; answers the exit code. */
export type RunVerb = (name: string, words: readonly string[], context: RrdContext) => Promise<number>;

export async function runPipe(context: RrdContext, runVerb: RunVerb): Promise<number> {
  const session = new PipeSession(context, runVerb);
  let rest = '';
  try {
    const chunks = context.world.stdin[Symbol.asyncIterator]();
    for (let next = chunks.next(); ; ) {
      const { value: chunk, done } = await next;
      if (done === true) break;
      next = chunks.next();
      const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n');
      rest = lines.pop() as string;
      if (rest.length > lineBytesMax) {
        await session.answer([`ERROR: a line of more than ${lineBytesMax} bytes`]);
        return 1;
      }
      if (await session.take(lines)) return 0;
      if (session.isLate || (await isIdle(next))) await session.flush();
    }
    await session.take(rest === '' ? [] : [rest]);
    return 0;
  } finally {
    await session.close();
  }
}

// Whether nothing more is there to be read just now.
async function isIdle(next: Promise<unknown>): Promise<boolean> {
  return await Promise.race([next.then(() => false), setTimeout(idleMs, true)]);
}

class PipeSession {
  readonly #context: RrdContext;
  readonly #runVerb: RunVerb;
  #open: { readonly metrics: OpenMetrics; readonly writer: RrdWriter } | undefined;
  readonly #startedMs: number;
  #flushedMs: number;
  #agedMs: number;
  /** Errors, and empty texts for what was done. */
  readonly #answers: string[] = [];

  constructor(context: RrdContext, runVerb: RunVerb) {
    this.#context = context;
    this.#runVerb = runVerb;
    this.#startedMs = context.world.monotonicMs();
    this.#flushedMs = this.#startedMs;
    this.#agedMs = this.#startedMs;
  }

  /** Whether answers have waited long enough. */
  get isLate(): boolean {
    return this.#context.world.monotonicMs() - this.#flushedMs >= waitMsMax;
  }

  /** Makes what was taken durable, and answers. */
  async flush(): Promise<void> {
    await this.#open?.writer.commit(this.#now());
    const now = this.#context.world.monotonicMs();
    this.#flushedMs = now;
    const okay = this.#okay();
    await this.answer(this.#answers.splice(0).map((answer) => (answer === '' ? okay : answer)));
    if (now - this.#agedMs < ageMs) return;
    this.#agedMs = now;
    await this.#open?.writer.age(this.#now());
  }

  /** Does what lines say; answers whether the session is over. */
  async take(lines: readonly string[]): Promise<boolean> {
    const answers = this.#answers;
    for (const line of lines) {
      const words = wordsOf(line.replace(/\r$/, ''));
      const [verb, ...rest] = words;
      if (verb === undefined) continue;
      if (verb === 'quit') {
        await this.flush();
        return true;
      }
      try {
        if (verb === 'update' || verb === 'create') {
          const writer = await this.#writer();
          const context = { ...this.#context, now: this.#now() };
          if (verb === 'update') updateWith(writer, rest, context);
          else createWith(writer, rest, context);
          if (writer.pending >= pendingMax) await this.flush();
        } else await this.#read(verb, rest);
        answers.push('');
      } catch (error) {
        answers.push(`ERROR: ${errorText(error)}`);
      }
    }
    return false;
  }

  async answer(answers: readonly string[]): Promise<void> {
    const { stdout } = this.#context.world;
    if (answers.length > 0 && !stdout.write(`${answers.join('\n')}\n`)) await once(stdout, 'drain');
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#open?.writer.age(this.#now());
    await this.#open?.metrics.close();
    this.#open = undefined;
  }

  // What was said so far is answered before a reading verb writes.
  async #read(verb: string, words: readonly string[]): Promise<void> {
    await this.close();
    await this.#runVerb(verb, words, this.#context);
  }

  async #writer(): Promise<RrdWriter> {
    if (this.#open === undefined) {
      const metrics = await openRrdStore(this.#context, false);
      this.#open = { metrics, writer: new RrdWriter(metrics) };
    }
    return this.#open.writer;
  }

  #now(): number {
    return Math.floor(this.#context.nowMs() / 1000);
  }

  // User, system and real time, as rrdtool tells them.
  #okay(): string {
    const { user, system } = process.cpuUsage();
    const real = (this.#context.world.monotonicMs() - this.#startedMs) / 1000;
    return `OK u:${(user / 1e6).toFixed(2)} s:${(system / 1e6).toFixed(2)} r:${real.toFixed(2)}`;
  }
}

// A file that is not there ends its line, not the session.
function errorText(error: unknown): string {
  if (error instanceof Fault) return error.line;
  if (!(error instanceof Error && 'syscall' in error)) throw error;
  const { path } = error as NodeJS.ErrnoException;
  return `${path === undefined ? '' : `${path}: `}${systemText(error as NodeJS.ErrnoException)}`;
}

/** The words of a line: by blanks; quotes and backslashes keep them. */
export function wordsOf(line: string): string[] {
  if (!/["'\\\t]/.test(line)) return line.split(' ').filter((word) => word !== '');
  const words: string[] = [];
  let [word, isOpen, quote] = ['', false, ''];
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string;
    if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      word += line[++at];
      isOpen = true;
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      isOpen = true;
    } else if (character === ' ' || character === '\t') {
      if (isOpen) words.push(word);
      [word, isOpen] = ['', false];
    } else {
      word += character;
      isOpen = true;
    }
  }
  if (isOpen) words.push(word);
  return words;
}
