/**
 * What the commands that read flows have in common: their options, the opened reading, the selection by filter and time, the
 * rejects file, and what is said at the end.
 */

import { readFileSync, statSync } from 'node:fs';
import { Fault, Refused, Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { type OutputFile, openOutput } from '../base/output-file.js';
import { checkTimeZone, type Instant } from '../base/time.js';
import { compileFilter, type Filter } from '../collect/filter.js';
import { bothParts, partColumns, type Reject, type WantedColumns } from '../collect/format.js';
import type { FlowReading } from '../collect/open.js';
import { isStoreFolder, readAnyFlows } from '../query/flow-sources.js';
import type { FlowWindow } from '../query/stored-flows.js';
import type { Invocation, Option } from './command.js';
import { inputWords, parseWindow, type Window } from './flow-sets.js';

export const inputOptions: readonly Option[] = [
  { name: 'filter', short: 'F', value: 'FILTER', help: "keeps the flows that match, in nfdump's filter language" },
  {
    name: 'filter-file',
    short: 'f',
    value: 'FILE',
    help: 'reads the filter from a file, unless --filter gives one; @include FILE within it',
  },
  { name: 'from', value: 'T', help: 'keeps what is at or after T: RFC 3339 or epoch seconds' },
  { name: 'to', value: 'T', help: 'keeps what is before T' },
  { name: 'columns', value: 'MAP', help: 'names the columns of a CSV with a header: first=ts:ms,packets=IN_PKTS (units s, ms, us, ns)' },
  { name: 'tz', value: 'ZONE', help: 'the time zone of times without one, an IANA name (default UTC)' },
  { name: 'rejects', value: 'FILE', help: 'writes each rejected row there: FILE:LINE cause original' },
  { name: 'strict', help: 'any reject is a failure, and no output file appears' },
  { name: 'data', value: 'DIR', help: 'folder of a store, whose flows are read when no FLOWS are named' },
  { name: 'now', value: 'T', help: 'the time to take as now' },
];

/** Rows that fail are shown one by one up to this many; then only counted. */
const shownRejectsMax = 5;

export class FlowInputs {
  readonly rejected: Map<string, number>;
  readonly reading: FlowReading;
  readonly #invocation: Invocation;
  readonly #rejectsFile: OutputFile | undefined;
  readonly #filter: Filter | undefined;
  readonly #window: Window | undefined;
  readonly #limit: number;
  /** The columns of the flows that pass the filter which are looked at, if not all. */
  readonly #kept: readonly string[] | undefined;
  /** What stores and servers need not give. */
  #bounds: FlowWindow = {};
  #shown = 0;

  /** `wanted`: the columns that the command looks at, if not all; those of the filter and of windows are added. */
  constructor(invocation: Invocation, wanted?: WantedColumns) {
    this.#invocation = invocation;
    const filter = filterOption(invocation.text('filter'), invocation.text('filter-file'));
    this.#filter = filter?.tree.is === 'all' ? undefined : filter;
    const path = invocation.text('rejects');
    this.#rejectsFile = path === undefined ? undefined : openOutput(path);
    const seed = invocation.text('seed');
    const words = wordsOf(invocation);
    const zone = checkTimeZone(invocation.text('tz') ?? 'UTC');
    const window = invocation.text('window');
    this.#window = window === undefined ? undefined : parseWindow(window, zone);
    this.#limit = limitOption(invocation.text('limit'));
    const isTimed = ['window', 'from', 'to'].some((name) => invocation.text(name) !== undefined);
    const afterFilter = bothParts(wanted, isTimed ? ['times'] : []);
    const read = bothParts(afterFilter, this.#filter?.wanted ?? (this.#filter === undefined ? [] : undefined));
    this.#kept = afterFilter === undefined ? undefined : ['packets', 'bytes', ...afterFilter.flatMap((part) => partColumns[part])];
    const share = invocation.text('share')?.split('-');
    const text = invocation.text('filter');
    this.reading = readAnyFlows(words, {
      window: () => this.#bounds,
      share: share === undefined ? undefined : { after: share[0] ?? '', upTo: share[1] ?? '' },
      mayBeEmpty: invocation.flag('may-be-empty'),
      // A filter that reads files is of this machine.
      remote: { filter: text?.includes('@') ? undefined : text, token: invocation.world.env?.['WEIR_TOKEN'] },
      stdin: words.includes('-') ? invocation.world.stdin : (undefined as never),
      timeZone: zone,
      ...(invocation.text('columns') === undefined ? {} : { columns: invocation.text('columns') as string }),
      ...(seed === undefined ? {} : { seed: seedOption(seed) }),
      ...(read === undefined ? {} : { wanted: read }),
      ...(this.#filter === undefined ? {} : { rows: { filter: this.#filter, wanted: afterFilter } }),
      keepOriginals: path !== undefined,
      onReject: (reject) => this.reject(reject),
      onNotice: (text) => invocation.world.stderr.write(`weir: ${text}\n`),
    });
    this.rejected = this.reading.rejected;
  }

  /** Notes a rejected row: in the rejects file, and on standard error while there are few. */
  reject(reject: Reject): void {
    const place =
      reject.line !== undefined
        ? `${reject.file}:${reject.line}`
        : reject.offset !== undefined
          ? `${reject.file}@${reject.offset}`
          : reject.file;
    this.#rejectsFile?.write(Buffer.from(`${place} ${reject.cause} ${reject.original}\n`));
    if (this.#shown++ < shownRejectsMax) this.#invocation.world.stderr.write(`weir: ${place}: ${reject.cause}: ${reject.message}\n`);
  }

  /** Notes a record that could be read but from which nothing can be made. */
  rejectRow(cause: string, message: string, batch: FlowBatch, row: number): void {
    this.reject({ file: batch.file, line: batch.place[row] ?? 0, cause, count: 1, original: batch.originals?.[row] ?? '', message });
  }

  /** The flows that pass the filter and whose `first` is in [from, to). */
  async *selected(from: Instant | undefined, to: Instant | undefined): AsyncGenerator<FlowBatch> {
    const filter = this.#filter;
    const keep = new Uint32Array(1 << 16);
    const window = this.#window === undefined ? undefined : await this.#absolute(this.#window);
    let left = this.#limit;
    this.#bounds = {
      firstFrom: later(from?.seconds, window?.fromMs),
      firstTo: to === undefined ? undefined : to.seconds + (to.nanos > 0 ? 1 : 0),
      lastTo: window === undefined || window.toMs === Number.POSITIVE_INFINITY ? undefined : window.toMs / 1000,
    };
    for await (const batch of this.reading.batches()) {
      const rows = batch.count <= keep.length ? keep : new Uint32Array(batch.count);
      if (filter !== undefined && !batch.isSelected) batch.select(rows, filter(batch, rows), this.#kept);
      if (from !== undefined || to !== undefined) batch.select(rows, inWindow(batch, rows, from, to), this.#kept);
      if (window !== undefined) batch.select(rows, withinWindow(batch, rows, window), this.#kept);
      if (batch.count > left) batch.count = left;
      left -= batch.count;
      if (batch.count > 0) yield batch;
      if (left === 0) return;
    }
  }

  // A window from the first flow or to the last one: all flows are looked at before any is given.
  async #absolute(window: Window): Promise<{ fromMs: number; toMs: number }> {
    if ('fromMs' in window) return window;
    const words = wordsOf(this.#invocation);
    if (words.includes('-')) throw new Usage('-t: seconds from the first or last flow want files (expected no standard input)');
    let [first, last] = [Number.POSITIVE_INFINITY, 0];
    for await (const batch of readAnyFlows(words, { timeZone: checkTimeZone(this.#invocation.text('tz') ?? 'UTC') }).batches()) {
      for (let row = 0; row < batch.count; row++) {
        first = Math.min(first, firstMs(batch, row));
        last = Math.max(last, lastMs(batch, row));
      }
    }
    if ('firstSeconds' in window) return { fromMs: 0, toMs: first + window.firstSeconds * 1000 };
    return { fromMs: last - window.lastSeconds * 1000, toMs: Number.POSITIVE_INFINITY };
  }

  /** Says what was rejected (by others that read for the same command, too) and what could not be read; call once at the end. */
  report(rejected: ReadonlyMap<string, number> = this.rejected): void {
    const { stderr } = this.#invocation.world;
    for (const fault of this.reading.failures) stderr.write(`weir: ${fault.line}\n`);
    if (rejected.size > 0) {
      const causes = [...rejected].map(([cause, count]) => `${cause} ${count}`).join(', ');
      stderr.write(`weir: rejected: ${causes}\n`);
    }
    this.#rejectsFile?.finish();
  }

  /** 1 when an input could not be read, or rows were rejected under --strict. */
  exitCode(): number {
    return this.reading.failures.length > 0 || (this.#invocation.flag('strict') && this.rejected.size > 0) ? 1 : 0;
  }

  /** The inputs' faults. */
  get failures(): readonly Fault[] {
    return this.reading.failures;
  }
}

/** The inputs that a command line names, with nfdump's -R and -M; without any, the store of `--data`. */
export function wordsOf(invocation: Invocation): readonly string[] {
  const words = inputWords(invocation.words, invocation.text('read-files'), invocation.text('folders'));
  const data = invocation.text('data');
  if (words.length > 0 || data === undefined) return words;
  if (!isStoreFolder(data))
    throw new Refused('there is no store here (expected a folder made by weir store init, weir load or weir serve)', { file: data });
  return [data];
}

// The later of two times, in seconds.
function later(seconds: number | undefined, ms: number | undefined): number | undefined {
  return seconds === undefined && ms === undefined ? undefined : Math.max(seconds ?? 0, (ms ?? 0) / 1000);
}

function limitOption(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Usage(`-c '${text}' (expected a whole number from 1)`);
  return Number(text);
}

function firstMs(batch: FlowBatch, row: number): number {
  return (batch.firstSeconds[row] ?? 0) * 1000 + Math.floor((batch.firstNanos[row] ?? 0) / 1e6);
}

function lastMs(batch: FlowBatch, row: number): number {
  return (batch.lastSeconds[row] ?? 0) * 1000 + Math.floor((batch.lastNanos[row] ?? 0) / 1e6);
}

// Flows that begin and end within, both ends included.
function withinWindow(batch: FlowBatch, keep: Uint32Array, { fromMs, toMs }: { fromMs: number; toMs: number }): number {
  let kept = 0;
  for (let row = 0; row < batch.count; row++) {
    if (firstMs(batch, row) >= fromMs && lastMs(batch, row) <= toMs) keep[kept++] = row;
  }
  return kept;
}

function inWindow(batch: FlowBatch, keep: Uint32Array, from: Instant | undefined, to: Instant | undefined): number {
  let kept = 0;
  for (let row = 0; row < batch.count; row++) {
    const seconds = batch.firstSeconds[row] ?? 0;
    const nanos = batch.firstNanos[row] ?? 0;
    if (from !== undefined && (seconds < from.seconds || (seconds === from.seconds && nanos < from.nanos))) continue;
    if (to !== undefined && (seconds > to.seconds || (seconds === to.seconds && nanos >= to.nanos))) continue;
    keep[kept++] = row;
  }
  return kept;
}

/** A filter that makes no sense is wrong usage, with the place in it. */
function filterOption(text: string | undefined, file: string | undefined): Filter | undefined {
  if (text === undefined && file === undefined) return undefined;
  try {
    const quote = file?.includes('"') === true ? "'" : '"';
    return compileFilter(text ?? `@include ${quote}${file}${quote}`, readFilter);
  } catch (error) {
    throw error instanceof Fault ? new Usage(error.message, error.place) : error;
  }
}

/** Largest file of a filter. */
const filterBytesMax = 64 << 20;

function readFilter(path: string): string {
  const { size } = statSync(path);
  if (size > filterBytesMax) throw new Refused(`${size} bytes (at most ${filterBytesMax})`, { file: path });
  return readFileSync(path, 'utf8');
}

function seedOption(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Usage(`--seed '${text}' (expected a whole number)`);
  return Number(text);
}
