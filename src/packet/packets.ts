/**
 * Flow records into packets: gates and sorts the records in bounded memory, then unfolds them into a capture or a schedule.
 *
 * The input is taken whole before the first packet goes out (spill files bound the memory), unless it is declared sorted: then
 * records stream, and one that goes back in time is rejected as `out-of-order`.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { RecordSorter } from '../base/record-sorter.js';
import { captureHead } from './capture-head.js';
import { gateRow } from './gates.js';
import { type outputs, recordBytes, type Spacing } from './layout.js';
import { OpenFlows } from './open-flows.js';
import { SpanMeter } from './span.js';
import { type Unfolded, unfold } from './unfold.js';

export interface PacketsOptions {
  readonly format?: 'pcap' | 'pcapng' | 'csv';
  readonly nano?: boolean;
  /** Times count from the first packet of the whole run. */
  readonly relative?: boolean;
  readonly snaplen?: number | 'headers';
  readonly spacing?: Spacing;
  readonly seed?: number;
  /** Only packets of [fromNs, toNs), ns since the epoch. */
  readonly fromNs?: bigint;
  readonly toNs?: bigint;
  /** Part `index` of `count` (from 1) of the whole time. */
  readonly shard?: { readonly index: number; readonly count: number };
  /** `always`: a file header in every shard; else in the first only. */
  readonly header?: 'always' | 'first';
  readonly memoryBytes?: number;
  readonly sorted?: boolean;
  readonly fit?: boolean;
  readonly conversationTimeoutSeconds?: number;
  /** Plan only: nothing is written. */
  readonly dryRun?: boolean;
  /** Called for each infeasible record; `batch` and `row` are where it stands. */
  readonly onReject?: (cause: string, number: number, batch: FlowBatch, row: number) => void;
  readonly onAdjust?: (cause: string, number: number) => void;
  readonly onWarn?: (cause: string, number: number) => void;
  readonly onProgress?: (packets: number, share: number) => void;
}

/** What was emitted, or with `dryRun` would be. Times are ns since the epoch. */
export interface PacketsDone extends Unfolded {
  readonly rejected: Record<string, number>;
  readonly adjusted: Record<string, number>;
  readonly warned: Record<string, number>;
  peakOpenFlows: number;
  outputBytes: number;
}

/** Half of it holds records to sort; batches, sort indexes and merge buffers share the rest. */
const defaultMemoryBytes = 256 << 20;
/** Rows that a stream hands on at once; two records each at most. */
const streamedRows = 2048;

/** Unfolds the flows of `batches` into packets, in time order, given to `write` as the bytes of one capture file. */
export async function packets(
  batches: AsyncIterable<FlowBatch>,
  write: (bytes: Uint8Array) => void,
  options: PacketsOptions = {},
): Promise<PacketsDone> {
  const tally = new Tally(options);
  if (canStream(options)) {
    const span = new SpanMeter(options, false);
    return emit(measuredStream(stream(batches, span, tally, options), tally.open), span, tally, write, options);
  }
  const sorter = new RecordSorter(recordBytes, (options.memoryBytes ?? defaultMemoryBytes) / 2);
  try {
    const span = new SpanMeter(options, needsWhole(options));
    await take(batches, sorter, span, tally, options);
    const records = measured(sorter.sorted(), tally.open);
    return options.dryRun ? plan(records, span, tally, options) : await emit(records, span, tally, write, options);
  } finally {
    sorter.close();
  }
}

/** Shards, plans and the earliest drawn time hang on the whole input; else what is declared sorted need not be held. */
function canStream(options: PacketsOptions): boolean {
  return options.sorted === true && options.shard === undefined && options.dryRun !== true && !isDrawnOrigin(options);
}

function needsWhole(options: PacketsOptions): boolean {
  return options.shard !== undefined || options.dryRun === true || options.onProgress !== undefined || isDrawnOrigin(options);
}

function isDrawnOrigin(options: PacketsOptions): boolean {
  return options.relative === true && options.spacing === 'poisson';
}

async function take(
  batches: AsyncIterable<FlowBatch>,
  sorter: RecordSorter,
  span: SpanMeter,
  tally: Tally,
  options: PacketsOptions,
): Promise<void> {
  const gate = new Gate(span, tally, options);
  for await (const batch of batches) {
    // A row gives at most two records, one a side.
    const start = sorter.reserve(batch.count * 2);
    sorter.added(gate.rows(batch, 0, batch.count, sorter.view, sorter.bytes, start) - start);
  }
}

/** Records as they come, in chunks: the input is declared to be in order. */
async function* stream(
  batches: AsyncIterable<FlowBatch>,
  span: SpanMeter,
  tally: Tally,
  options: PacketsOptions,
): AsyncGenerator<Uint8Array> {
  const gate = new Gate(span, tally, options);
  const bytes = new Uint8Array(streamedRows * 2 * recordBytes);
  const view = new DataView(bytes.buffer);
  for await (const batch of batches) {
    for (let from = 0; from < batch.count; from += streamedRows) {
      const end = gate.rows(batch, from, Math.min(batch.count, from + streamedRows), view, bytes, 0);
      if (end > 0) yield bytes.subarray(0, end);
    }
  }
}

/** Takes rows through the second gate, and where the input was declared sorted, through its order. */
class Gate {
  readonly #span: SpanMeter;
  readonly #tally: Tally;
  readonly #options: PacketsOptions;
  #latestSeconds = 0;
  #latestNanos = 0;

  constructor(span: SpanMeter, tally: Tally, options: PacketsOptions) {
    this.#span = span;
    this.#tally = tally;
    this.#options = options;
  }

  /** Writes the records of rows [from, to) at `at`; returns where they end. */
  rows(batch: FlowBatch, from: number, to: number, view: DataView, bytes: Uint8Array, at: number): number {
    const fit = this.#options.fit === true;
    let next = at;
    for (let row = from; row < to; row++) {
      const seconds = batch.firstSeconds[row]!;
      const nanos = batch.firstNanos[row]!;
      const isBack = seconds < this.#latestSeconds || (seconds === this.#latestSeconds && nanos < this.#latestNanos);
      if (this.#options.sorted && isBack) {
        this.#tally.reject('out-of-order', batch.number[row]!, batch, row);
        continue;
      }
      const size = gateRow(batch, row, view, bytes, next, fit, this.#tally);
      if (size === 0) continue;
      [this.#latestSeconds, this.#latestNanos] = [seconds, nanos];
      for (let record = next; record < next + size; record += recordBytes) this.#span.add(bytes, view, record);
      next += size;
    }
    return next;
  }
}

/** Passes chunks through, counting how many flows are open at once. */
function* measured(chunks: Iterable<Uint8Array>, open: OpenFlows): Generator<Uint8Array> {
  for (const chunk of chunks) {
    open.add(chunk);
    yield chunk;
  }
}

async function* measuredStream(chunks: AsyncIterable<Uint8Array>, open: OpenFlows): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    open.add(chunk);
    yield chunk;
  }
}

async function emit(
  records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  span: SpanMeter,
  tally: Tally,
  write: (bytes: Uint8Array) => void,
  options: PacketsOptions,
): Promise<PacketsDone> {
  const format = options.format ?? 'pcap';
  let outputBytes = 0;
  const counted = (bytes: Uint8Array): void => {
    outputBytes += bytes.length;
    write(bytes);
  };
  const slice = span.slice();
  if (options.shard === undefined || options.shard.index === 1 || options.header === 'always')
    counted(captureHead(format, options.nano === true, options.snaplen));
  const done = await unfold(slice === undefined ? [] : records, {
    spacing: options.spacing ?? 'even',
    seed: options.seed ?? 1,
    output: outputName(format, options.nano === true),
    snaplen: options.snaplen ?? 262144,
    originNs: () => (options.relative ? (span.originNs() ?? 0n) : 0n),
    ...(slice?.fromNs === undefined ? {} : { fromNs: slice.fromNs }),
    ...(slice?.toNs === undefined ? {} : { toNs: slice.toNs }),
    conversationTimeoutNs: BigInt(Math.round((options.conversationTimeoutSeconds ?? 120) * 1e9)),
    warn: (cause, number) => tally.warn(cause, number),
    write: counted,
    progress: (count, timeNs) => options.onProgress?.(count, span.share(timeNs)),
  });
  return { ...done, ...tally.counts(), peakOpenFlows: tally.open.peak, outputBytes };
}

function plan(records: Iterable<Uint8Array>, span: SpanMeter, tally: Tally, options: PacketsOptions): PacketsDone {
  for (const chunk of records) void chunk;
  const { flows, packets: count, bytes, capturedBytes } = span.totals();
  const headBytes = captureHead(options.format ?? 'pcap', options.nano === true, options.snaplen).length;
  return {
    flows,
    packets: count,
    bytes,
    firstNs: span.firstNs(),
    lastNs: span.lastNs(),
    ...tally.counts(),
    peakOpenFlows: tally.open.peak,
    outputBytes: capturedBytes + headBytes,
  };
}

function outputName(format: 'pcap' | 'pcapng' | 'csv', nano: boolean): keyof typeof outputs {
  if (format === 'csv') return 'schedule';
  return format === 'pcap' ? (nano ? 'pcapNano' : 'pcap') : nano ? 'pcapngNano' : 'pcapng';
}

/** Counts by cause, and hands each record on to who lists them. */
class Tally {
  readonly open = new OpenFlows();
  readonly #rejected = new Map<string, number>();
  readonly #adjusted = new Map<string, number>();
  readonly #warned = new Map<string, number>();
  readonly #options: PacketsOptions;

  constructor(options: PacketsOptions) {
    this.#options = options;
  }

  readonly reject = (cause: string, number: number, batch: FlowBatch, row: number): void => {
    this.#rejected.set(cause, (this.#rejected.get(cause) ?? 0) + 1);
    this.#options.onReject?.(cause, number, batch, row);
  };

  readonly adjust = (cause: string, number: number): void => {
    this.#adjusted.set(cause, (this.#adjusted.get(cause) ?? 0) + 1);
    this.#options.onAdjust?.(cause, number);
  };

  readonly warn = (cause: string, number: number): void => {
    this.#warned.set(cause, (this.#warned.get(cause) ?? 0) + 1);
    this.#options.onWarn?.(cause, number);
  };

  counts(): { rejected: Record<string, number>; adjusted: Record<string, number>; warned: Record<string, number> } {
    return {
      rejected: Object.fromEntries(this.#rejected),
      adjusted: Object.fromEntries(this.#adjusted),
      warned: Object.fromEntries(this.#warned),
    };
  }
}
