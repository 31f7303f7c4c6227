/**
 * The middleware for node's `http`, express, connect and the like: `app.use(hits({ url: 'http://127.0.0.1:8420' }))`. It notes each
 * request when its response is done, gathers the notes and posts them to a Weir in batches. It loads nothing but node.
 *
 * It never blocks a request and never throws into one. Memory is bounded: notes beyond `bufferBytes` are dropped and counted. A batch is
 * sent with an `Idempotency-Key` and again until it is answered, so that a batch whose answer was lost counts once.
 *
 * What it does at once stays small, so that requests do not wait behind a batch: notes become bytes 16 KiB at a time as they come, outside of the heap that
 * the collector walks, and a batch goes out a few such parts at a time with other work between.
 */

import { randomUUID } from 'node:crypto';
import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest, type ServerResponse } from 'node:http';
import { request as secureRequest } from 'node:https';

export interface HitsOptions {
  /** Address of a Weir: `http://127.0.0.1:8420`. */
  readonly url: string;
  /** Bearer token for writing. */
  readonly token?: string;
  /** Milliseconds between batches (500). */
  readonly intervalMs?: number;
  /** Bound of notes that wait, in bytes (8 MiB). */
  readonly bufferBytes?: number;
  /** Takes the client's address from X-Forwarded-For. */
  readonly trustProxy?: boolean;
}

export interface HitsCounters {
  /** Requests noted. */
  noted: number;
  /** Notes that were answered as durable. */
  delivered: number;
  /** Notes dropped since the buffer was full. */
  dropped: number;
  /** Failed attempts to send. */
  failures: number;
  /** Bytes that wait. */
  waitingBytes: number;
}

/** The middleware: call it, or hand it to `use`. */
export interface Hits {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  readonly counters: HitsCounters;
  /** Resolves when everything noted so far was answered, or after `timeoutMs`. */
  flush(timeoutMs?: number): Promise<void>;
  /** Flushes and stops. */
  close(timeoutMs?: number): Promise<void>;
}

const batchBytesMax = 1 << 20;
const partBytes = 16 << 10;
// Parts that are handed to the socket at once.
const partsAtOnce = 4;
const retryMsMax = 10_000;
const answerMs = 10_000;

interface Batch {
  readonly key: string;
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly count: number;
}

/** Makes the middleware. */
export function hits(options: HitsOptions): Hits {
  const sender = new Sender(options);
  const trustProxy = options.trustProxy === true;
  const middleware = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void => {
    const startMs = performance.now();
    const written = request.socket.bytesWritten;
    // `close` comes after `finish`, and also when the client goes away before the end.
    response.once('close', () => sender.note(request, response, startMs, written, trustProxy));
    next?.();
  };
  return Object.assign(middleware, {
    counters: sender.counters,
    flush: (timeoutMs = 5000) => sender.flush(timeoutMs),
    close: (timeoutMs = 5000) => sender.close(timeoutMs),
  });
}

class Sender {
  readonly counters: HitsCounters = { noted: 0, delivered: 0, dropped: 0, failures: 0, waitingBytes: 0 };
  readonly #target: URL;
  readonly #token: string | undefined;
  readonly #bufferBytes: number;
  readonly #intervalMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #series = randomUUID();
  #number = 0;
  // Notes that are not bytes yet, and the parts before them.
  #text = '';
  #parts: Buffer[] = [];
  #bytes = 0;
  #count = 0;
  readonly #batches: Batch[] = [];
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HitsOptions) {
    this.#target = new URL('/ingest/logs', options.url);
    this.#token = options.token;
    this.#bufferBytes = options.bufferBytes ?? 8 << 20;
    this.#intervalMs = options.intervalMs ?? 500;
  }

  note(request: IncomingMessage, response: ServerResponse, startMs: number, written: number, trustProxy: boolean): void {
    if (this.#closed) return;
    const line = noteOf(request, response, startMs, written, trustProxy);
    this.counters.noted += 1;
    if (this.counters.waitingBytes + line.length > this.#bufferBytes) {
      this.counters.dropped += 1;
      return;
    }
    this.#text += line;
    this.#count += 1;
    this.counters.waitingBytes += line.length;
    if (this.#text.length >= partBytes) this.#seal();
    if (this.#bytes >= batchBytesMax) this.#cut();
    this.#timer ??= setTimeout(() => this.#cut(), this.#intervalMs).unref();
  }

  #seal(): void {
    if (this.#text === '') return;
    const part = Buffer.from(this.#text);
    // What is no ASCII takes more bytes than it has characters.
    this.counters.waitingBytes += part.length - this.#text.length;
    this.#bytes += part.length;
    this.#parts.push(part);
    this.#text = '';
  }

  async flush(timeoutMs: number): Promise<void> {
    this.#cut();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#sending ?? Promise.resolve(), late]);
    clearTimeout(timer);
  }

  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#closed = true;
    this.#agent.destroy();
  }

  // Makes a batch of what was noted and sees that it is sent.
  #cut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#count > 0) {
      this.#seal();
      this.#number += 1;
      this.#batches.push({ key: `${this.#series}-${this.#number}`, parts: this.#parts, bytes: this.#bytes, count: this.#count });
      this.#parts = [];
      this.#bytes = this.#count = 0;
    }
    if (this.#batches.length > 0) {
      this.#sending ??= this.#sendAll().finally(() => {
        this.#sending = undefined;
      });
    }
  }

  async #sendAll(): Promise<void> {
    let waitMs = 250;
    for (let batch = this.#batches[0]; batch !== undefined && !this.#closed; batch = this.#batches[0]) {
      const answer = await this.#post(batch);
      if (answer.done) {
        this.#batches.shift();
        this.counters.waitingBytes -= batch.bytes;
        if (answer.taken) this.counters.delivered += batch.count;
        else this.counters.dropped += batch.count;
        waitMs = 250;
        continue;
      }
      this.counters.failures += 1;
      await pause(answer.retryMs ?? waitMs);
      waitMs = Math.min(retryMsMax, waitMs * 2);
    }
  }

  // Done: answered for good, taken or (4xx) refused. Anything else is tried again.
  #post({ key, parts, bytes }: Batch): Promise<{ done: boolean; taken: boolean; retryMs?: number }> {
    return new Promise((resolve) => {
      const failed = { done: false, taken: false };
      const secure = this.#target.protocol === 'https:';
      const request = (secure ? secureRequest : plainRequest)(this.#target, {
        method: 'POST',
        ...(secure ? {} : { agent: this.#agent }),
        timeout: answerMs,
        headers: {
          'Content-Type': 'application/x-ndjson',
          'Content-Length': bytes,
          'Idempotency-Key': key,
          ...(this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` }),
        },
      });
      request.on('socket', (socket) => socket.unref());
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(failed));
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        response.on('error', () => resolve(failed));
        response.on('end', () => {
          if (status === 200) resolve({ done: true, taken: true });
          else if (status === 429 || status >= 500 || status === 401) {
            const seconds = Number(response.headers['retry-after']);
            resolve(seconds > 0 ? { ...failed, retryMs: Math.min(retryMsMax, seconds * 1000) } : failed);
          } else resolve({ done: true, taken: false });
        });
      });
      writeParts(request, parts, 0);
    });
  }
}

// Hands a few parts to the socket; the rest when it has taken them and others had their turn.
function writeParts(request: ClientRequest, parts: readonly Buffer[], from: number): void {
  const next = from + partsAtOnce;
  let ready = true;
  request.cork();
  for (const part of parts.slice(from, next)) ready = request.write(part);
  request.uncork();
  if (next >= parts.length) request.end();
  else if (ready) setImmediate(() => writeParts(request, parts, next));
  else request.once('drain', () => writeParts(request, parts, next));
}

function noteOf(request: IncomingMessage, response: ServerResponse, startMs: number, written: number, trustProxy: boolean): string {
  const { headers } = request;
  const forwarded = trustProxy ? headers['x-forwarded-for'] : undefined;
  const host = (typeof forwarded === 'string' ? forwarded.split(',', 1)[0]?.trim() : undefined) ?? request.socket.remoteAddress ?? '';
  const length = Number(response.getHeader('content-length'));
  const url = (request as IncomingMessage & { originalUrl?: string }).originalUrl ?? request.url ?? '';
  const note = {
    time: Date.now(),
    method: request.method,
    url: url.length > 8192 ? url.slice(0, 8192) : url,
    status: response.statusCode,
    bytes: Number.isSafeInteger(length) ? length : Math.max(0, request.socket.bytesWritten - written),
    ms: Math.round((performance.now() - startMs) * 1000) / 1000,
    host,
    vhost: headers.host,
    referer: headers.referer?.slice(0, 2048),
    agent: headers['user-agent']?.slice(0, 1024),
  };
  return `${JSON.stringify(note)}\n`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
