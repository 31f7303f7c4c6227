/**
 * Flow records over HTTP: `/api/flows`, `/api/profile` and `/api/packets` answer what the commands of these names would print of the store. Each question is a
 * process of its own, which reads the store beside the daemon: what is asked of many flows neither holds up what arrives nor takes the daemon's memory, the answers
 * are the command's to the byte, and a client that goes away ends it. What it writes is waited for, and a slow reader makes it wait.
 *
 * So many are answered at once; who comes beyond is told to come again.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Corrupt, Malformed, Refused } from '../base/faults.js';
import { type FlowOrder, type FlowRoute, flowQuestion } from './flow-questions.js';
import { type Answer, HttpFault, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

/** Questions that are answered at once. */
const questionsMax = 4;
const reportBytesMax = 1 << 20;

/** What a process that answers says at its end, as JSON on its standard error. */
export interface FlowReport {
  readonly code: number;
  readonly fault?: { readonly kind: 'malformed' | 'refused' | 'corrupt' | 'bug'; readonly message: string } | undefined;
  /** What the command would have said to a person. */
  readonly said: readonly string[];
}

const route = (name: FlowRoute): Route => ({
  methods: ['GET', 'POST'],
  path: `/api/${name}`,
  access: 'read',
  handle: (request, services) => answer(name, request, services),
});

export const flowRoutes: readonly Route[] = [route('flows'), route('profile'), route('packets')];

let questionsNow = 0;

async function answer(name: FlowRoute, request: WebRequest, services: Services): Promise<Answer> {
  const { order, type } = flowQuestion(name, request.parameters);
  if (questionsNow >= questionsMax)
    throw new HttpFault(503, `${questionsMax} questions about flows are being answered (expected to be asked later)`, {
      'Retry-After': '5',
    });
  const answerer = new Answerer({ ...order, data: services.flows.folder }, request, services);
  const first = await answerer.next();
  if (first === undefined) {
    await answerer.end();
    return { type, body: '' };
  }
  return { type, body: answerer.all(first) };
}

class Answerer {
  readonly #child: ChildProcess;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #ended: Promise<unknown>;
  readonly #request: WebRequest;
  readonly #idleMs: number;
  #report = '';
  #isOver = false;

  constructor(order: FlowOrder, request: WebRequest, services: Services) {
    this.#request = request;
    this.#idleMs = services.configuration().limits.requestSeconds * 1000;
    questionsNow += 1;
    const child = spawn(process.execPath, [services.flows.program], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = once(child, 'close').finally(() => this.#leave());
    this.#ended.catch(() => {});
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(order));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (this.#report.length < reportBytesMax) this.#report += text;
    });
    this.#chunks = child.stdout[Symbol.asyncIterator]();
    if (request.isGone()) this.#kill();
    request.message.socket.once('close', this.#kill);
  }

  /** The next piece of the answer; undefined at its end. While there is none yet, the connection may be idle. */
  async next(): Promise<Buffer | undefined> {
    const { socket } = this.#request.message;
    socket.setTimeout(0);
    try {
      const { value, done } = await this.#chunks.next();
      return done === true ? undefined : value;
    } catch (error) {
      if (this.#isGone) return undefined;
      throw error;
    } finally {
      socket.setTimeout(this.#idleMs);
    }
  }

  /** The whole answer, from its first piece. Throws at its end when it is not whole. */
  async *all(first: Buffer): AsyncGenerator<Buffer> {
    try {
      for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await this.next()) yield chunk;
      await this.end();
    } finally {
      this.#kill();
    }
  }

  /** Waits for the process. Throws what went wrong. */
  async end(): Promise<void> {
    await this.#ended;
    const report = reportOf(this.#report);
    if (report?.code === 0 || this.#isGone) return;
    throw faultOf(report, this.#report);
  }

  // The client, or the process that was to answer it.
  get #isGone(): boolean {
    return this.#request.isGone() || this.#child.killed;
  }

  readonly #kill = (): void => {
    if (this.#isOver) return;
    this.#child.kill('SIGKILL');
    // It is over when its pipes are: nobody reads them to their end now.
    this.#child.stdout?.destroy();
  };

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    questionsNow -= 1;
    this.#request.message.socket.off('close', this.#kill);
  }
}

function reportOf(text: string): FlowReport | undefined {
  try {
    return JSON.parse(text) as FlowReport;
  } catch {
    return undefined;
  }
}

function faultOf(report: FlowReport | undefined, text: string): Error {
  const { kind, message } = report?.fault ?? { kind: 'refused', message: report?.said.join('; ') ?? '' };
  if (report === undefined || kind === 'bug') return new Error(`a question about flows failed: ${message || text}`);
  if (kind === 'malformed') return new Malformed(message);
  return kind === 'corrupt' ? new Corrupt(message) : new Refused(message);
}
