/**
 * Unfolds sorted flow records into packets in time order: the loop over windows of time that drives the kernels.
 *
 * Every window: finished flows leave the list, flows that begin before its end are admitted in order of (first, number), the scheduler makes and
 * orders the window's keys, the frame kernel writes its packets. The window's length follows the rate, so that one window is about 64k packets or
 * as many as flows are open. Memory is set by the flows that are open.
 *
 * The bytes of a packet depend only on its record and earlier records of its tuple, so a slice [from, to) is byte for byte that of the whole.
 */

import { Refused } from '../base/faults.js';
import { Arena } from './arena.js';
import { Connections } from './connections.js';
import { clockBytes, frameBytes, kinds, outputs, recordAt, recordBytes, type Spacing, spacings, stateBytes, tailBytes } from './layout.js';
import { formatSchedule, ScheduleRows } from './schedule-rows.js';
import { templateAt, writeTemplate } from './template.js';

export interface UnfoldOptions {
  readonly spacing: Spacing;
  readonly seed: number;
  readonly output: keyof typeof outputs;
  /** Bytes of a frame that are kept; `headers`: only what is not payload. */
  readonly snaplen: number | 'headers';
  /** Subtracted from every time, ns; asked for when the first record is there. */
  readonly originNs: () => bigint;
  /** Only packets of [from, to), ns since the epoch. */
  readonly fromNs?: bigint;
  readonly toNs?: bigint;
  readonly conversationTimeoutNs: bigint;
  readonly warn: (cause: 'overlap' | 'tuple-reuse', number: number) => void;
  readonly write: (bytes: Uint8Array) => void;
  /** Called about every 64k packets. */
  readonly progress?: (packets: number, timeNs: bigint) => void;
}

/** What was emitted. Times are ns since the epoch. */
export interface Unfolded {
  packets: number;
  bytes: number;
  flows: number;
  firstNs: bigint | undefined;
  lastNs: bigint | undefined;
}

const outBytes = 1 << 20;
const stagedRecords = 4096;
const windowPackets = 65536;
const windowNsMax = 1n << 39n;
const openMax = (1 << 24) - 1;
const noTime = (1n << 64n) - 1n;

/** Emits the packets of `records` (chunks of layout.ts records in order of first) through `options.write`. All chunks are taken. */
export async function unfold(records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, options: UnfoldOptions): Promise<Unfolded> {
  const chunks = Symbol.asyncIterator in records ? records[Symbol.asyncIterator]() : records[Symbol.iterator]();
  return new Unfolding(chunks, options).run();
}

class Unfolding {
  readonly #arena = new Arena();
  readonly #options: UnfoldOptions;
  readonly #records: Iterator<Uint8Array> | AsyncIterator<Uint8Array>;
  readonly #connections: Connections;
  readonly #rows: ScheduleRows | undefined;
  readonly #done: Unfolded = { packets: 0, bytes: 0, flows: 0, firstNs: undefined, lastNs: undefined };
  /** Staged records: [stagedAt, stagedAt + staged*80), `stagedNext` the next. */
  readonly #stage: number;
  readonly #out: number;
  readonly #scratch: number;
  #staged = 0;
  #stagedNext = 0;
  #isEnded = false;
  #capacity = 0;
  #clocks = 0;
  #frames = 0;
  #tails = 0;
  #list = 0;
  #free = 0;
  #draws = 0;
  #freeCount = 0;
  #slotsUsed = 0;
  #open = 0;
  #keys = 0;
  #ordered = 0;
  #buckets = 0;
  #keyCapacity = 0;
  #windowNumber = 0;
  #windowNs = 1_000_000n;

  constructor(records: Iterator<Uint8Array> | AsyncIterator<Uint8Array>, options: UnfoldOptions) {
    this.#records = records;
    this.#options = options;
    this.#stage = this.#arena.allocate(stagedRecords * recordBytes);
    this.#out = this.#arena.allocate(outBytes);
    this.#scratch = this.#arena.allocate(stateBytes);
    this.#connections = new Connections(this.#arena, options.conversationTimeoutNs);
    this.#rows = options.output === 'schedule' ? new ScheduleRows() : undefined;
    this.#growSlots(4096);
    this.#growKeys(windowPackets * 4);
  }

  async run(): Promise<Unfolded> {
    const { schedule } = this.#arena;
    const to = this.#options.toNs ?? noTime;
    if (await this.#isPending()) this.#placeKernels();
    for (;;) {
      const length = schedule.compact(this.#open, this.#free, this.#freeCount);
      this.#freeCount += this.#open - length;
      this.#open = length;
      const pending = (await this.#isPending()) ? this.#timeAt(this.#stage + this.#stagedNext * recordBytes) : undefined;
      let start = BigInt.asUintN(64, schedule.earliest());
      if (pending !== undefined && pending < start) start = pending;
      if (start === noTime || start >= to) break;
      await this.#window(start, to);
    }
    // What lies behind the slice is still gated and counted by whom it comes from.
    for (; !this.#isEnded; this.#stagedNext = this.#staged) await this.#isPending();
    return this.#done;
  }

  async #window(start: bigint, to: bigint): Promise<void> {
    const { schedule } = this.#arena;
    let end = start + this.#windowNs;
    if (end > to) end = to;
    await this.#admitBefore(end);
    if (this.#open * 2 > this.#keyCapacity) this.#growKeys(this.#open * 3);
    let count = schedule.generate(this.#open, start, end, this.#keys, this.#keyCapacity, ++this.#windowNumber, 0);
    while (count < 0) {
      this.#windowNs = this.#windowNs / 4n || 1n;
      end = start + this.#windowNs;
      count = schedule.generate(this.#open, start, end, this.#keys, this.#keyCapacity, ++this.#windowNumber, 0);
    }
    this.#emit(count, start, end);
    while (end - start === 1n && schedule.more() !== 0) {
      count = schedule.generate(this.#open, start, end, this.#keys, this.#keyCapacity, ++this.#windowNumber, 1);
      this.#emit(count, start, end);
    }
    const target = Math.max(windowPackets, this.#open);
    const factor = Math.min(4, Math.max(0.25, target / Math.max(1, count)));
    const next = BigInt(Math.ceil(Number(this.#windowNs) * factor));
    this.#windowNs = next > windowNsMax ? windowNsMax : next < 1n ? 1n : next;
    this.#options.progress?.(this.#done.packets, end);
  }

  /** Orders `count` keys of [start, end) and writes their packets. */
  #emit(count: number, start: bigint, end: bigint): void {
    if (count === 0) return;
    const { schedule, frame } = this.#arena;
    let keys = this.#keys;
    if (end - start > 1n) {
      const windowBits = BigInt((end - start - 1n).toString(2).length);
      const bucketBits = BigInt(Math.min(16, Math.max(1, Math.ceil(Math.log2(count)))));
      const shift = 24n + (windowBits > bucketBits ? windowBits - bucketBits : 0n);
      schedule.order(this.#keys, count, this.#ordered, this.#buckets, 1 << Number(bucketBits), shift);
      keys = this.#ordered;
    }
    const view = new DataView(this.#arena.memory.buffer);
    if (this.#done.firstNs === undefined) this.#done.firstNs = start + (view.getBigUint64(keys, true) >> 24n);
    this.#done.lastNs = start + (view.getBigUint64(keys + (count - 1) * 8, true) >> 24n);
    for (let done = 0; done < count; ) {
      done = frame.build(keys, done, count, start, this.#out, outBytes);
      const bytes = this.#arena.bytes.subarray(this.#out, this.#out + frame.writtenBytes());
      this.#options.write(this.#rows === undefined ? bytes : formatSchedule(this.#rows, bytes));
    }
    this.#done.packets += count;
  }

  /** Whether there is a record that is not admitted; takes a chunk when the last one is used up. */
  async #isPending(): Promise<boolean> {
    while (this.#stagedNext === this.#staged && !this.#isEnded) {
      const next = await this.#records.next();
      if (next.done) {
        this.#isEnded = true;
        break;
      }
      this.#staged = next.value.length / recordBytes;
      this.#stagedNext = 0;
      if (this.#staged > stagedRecords) throw new Refused(`a chunk of ${this.#staged} records`);
      this.#arena.bytes.set(next.value, this.#stage);
    }
    return this.#stagedNext < this.#staged;
  }

  #timeAt(record: number): bigint {
    const view = new DataView(this.#arena.memory.buffer);
    return BigInt(view.getUint32(record, true)) * 1_000_000_000n + BigInt(view.getUint32(record + 4, true));
  }

  /** Admits the records whose first is before `end`. */
  async #admitBefore(end: bigint): Promise<void> {
    const endSeconds = Number(end / 1_000_000_000n);
    const endNanos = Number(end % 1_000_000_000n);
    while (await this.#isPending()) {
      const view = new DataView(this.#arena.memory.buffer);
      while (this.#stagedNext < this.#staged) {
        const record = this.#stage + this.#stagedNext * recordBytes;
        const seconds = view.getUint32(record, true);
        if (seconds > endSeconds || (seconds === endSeconds && view.getUint32(record + 4, true) >= endNanos)) return;
        if (this.#freeCount === 0 && this.#slotsUsed === this.#capacity) {
          this.#growSlots(this.#capacity * 2);
          break;
        }
        this.#stagedNext++;
        if (this.#admit(record, view)) break;
      }
    }
  }

  /** Opens one record. Returns whether the memory may have moved. */
  #admit(record: number, view: DataView): boolean {
    const { schedule } = this.#arena;
    const slot = this.#freeCount > 0 ? view.getUint32(this.#free + (this.#freeCount - 1) * 4, true) : this.#slotsUsed;
    schedule.windRecord(record, slot, 0);
    const packets = view.getUint32(record + recordAt.packets, true);
    let skip = 0;
    const from = this.#options.fromNs;
    if (from !== undefined && this.#timeAt(record) < from) {
      skip = schedule.countBefore(slot, from);
      schedule.windRecord(record, slot, skip);
    }
    const bytes = this.#arena.bytes;
    const scratch = this.#scratch;
    writeTemplate(view, bytes, scratch, record);
    const state = this.#frames + slot * frameBytes;
    bytes.copyWithin(state, scratch, scratch + frameBytes);
    if (bytes[scratch + 36]! > frameBytes - templateAt)
      bytes.copyWithin(this.#tails + slot * tailBytes, scratch + frameBytes, scratch + stateBytes);
    let moved = false;
    if (bytes[state + 27] === kinds.tcp) moved = this.#connect(record, state, slot, view);
    if (skip >= packets) return moved;
    const fresh = moved ? new DataView(this.#arena.memory.buffer) : view;
    if (skip > 0) skipPackets(fresh, state, record, skip);
    if (this.#freeCount > 0) this.#freeCount--;
    else this.#slotsUsed++;
    fresh.setUint32(this.#list + this.#open * 4, slot, true);
    this.#open++;
    this.#done.flows++;
    this.#countBytes(fresh, record, slot, skip);
    this.#rows?.setFlow(slot, fresh, this.#arena.bytes, record);
    return moved;
  }

  /** Adds the layer-3 bytes that a flow will emit within the slice. */
  #countBytes(view: DataView, record: number, slot: number, skip: number): void {
    const total = view.getFloat64(record + recordAt.bytes, true);
    const packets = view.getUint32(record + recordAt.packets, true);
    const to = this.#options.toNs;
    if (skip === 0 && to === undefined) {
      this.#done.bytes += total;
      return;
    }
    let stop = packets;
    if (to !== undefined) {
      this.#arena.schedule.windRecord(record, slot, 0);
      stop = this.#arena.schedule.countBefore(slot, to);
      this.#arena.schedule.windRecord(record, slot, skip);
    }
    this.#done.bytes += Number(bytesBefore(total, packets, stop) - bytesBefore(total, packets, skip));
  }

  /** TCP: sequence number, flags of the first, middle and last packet, parity of the window. */
  #connect(record: number, state: number, slot: number, view: DataView): boolean {
    const flags = view.getUint8(record + recordAt.flags);
    const packets = view.getUint32(record + recordAt.packets, true);
    const [first, middle, last] = spreadFlags(flags, packets);
    const header = view.getUint8(record + recordAt.family) === 6 ? 60 : 40;
    const payload = view.getFloat64(record + recordAt.bytes, true) - packets * header;
    const counted = packets === 1 ? steps(first) : steps(first) + steps(last) + (packets - 2) * steps(middle);
    const repeats = packets > 1 && isHandshake(flags);
    const advance = repeats ? Math.ceil(payload / packets) + 1 : (payload + counted) % 4294967296;
    const { sequence, before, verdict } = this.#connections.enter(
      record,
      this.#clocks + slot * clockBytes + 32,
      advance,
      this.#timeAt(record),
    );
    const fresh = new DataView(this.#arena.memory.buffer);
    const number = fresh.getFloat64(record + recordAt.number, true);
    if ((verdict & 1) !== 0) this.#options.warn('overlap', number);
    if ((verdict & 2) !== 0) this.#options.warn('tuple-reuse', number);
    fresh.setUint32(state + 20, sequence, true);
    fresh.setUint8(state + 24, first);
    fresh.setUint8(state + 25, middle);
    fresh.setUint8(state + 26, last);
    fresh.setUint8(state + 39, repeats ? 1 : 0);
    fresh.setUint32(state + 40, before, true);
    return fresh.buffer !== view.buffer;
  }

  #growSlots(capacity: number): void {
    if (capacity > openMax * 2) throw new Refused(`more than ${openMax} flows are open at once`);
    const old = this.#capacity;
    const grow = (at: number, size: number): number => this.#arena.regrow(at, old * size, capacity * size);
    this.#clocks = grow(this.#clocks, clockBytes);
    this.#frames = grow(this.#frames, frameBytes);
    this.#tails = grow(this.#tails, tailBytes);
    this.#list = grow(this.#list, 4);
    this.#free = grow(this.#free, 4);
    this.#draws = grow(this.#draws, this.#options.spacing === 'poisson' ? 8 : 0);
    this.#capacity = capacity;
    this.#placeKernels();
  }

  #placeKernels(): void {
    const { schedule, frame } = this.#arena;
    const { spacing, seed, output, snaplen, originNs } = this.#options;
    schedule.place(this.#clocks, this.#list, this.#draws, spacings[spacing], BigInt(seed));
    const [limit, onlyHeaders] = snaplen === 'headers' ? [262144, 1] : [snaplen, 0];
    frame.place(this.#frames, this.#tails, this.#list, outputs[output], limit, onlyHeaders, originNs());
  }

  #growKeys(capacity: number): void {
    this.#arena.release(this.#keys, this.#keyCapacity * 8);
    this.#arena.release(this.#ordered, this.#keyCapacity * 8);
    this.#keyCapacity = capacity;
    this.#keys = this.#arena.allocate(capacity * 8);
    this.#ordered = this.#arena.allocate(capacity * 8);
    if (this.#buckets === 0) this.#buckets = this.#arena.allocate((65536 + 2) * 4);
  }
}

/** TCP flags of the first, the middle and the last of `packets` packets; together they are the record's. */
export function spreadFlags(flags: number, packets: number): readonly [number, number, number] {
  if (packets === 1 || isHandshake(flags)) return [flags, flags, flags];
  const [fin, syn, rst, psh, ack, urg, ece, cwr] = [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => flags & bit) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const between = (ack | psh) === 0 ? rst : ack | psh;
  const first = syn === 0 ? between | ece | cwr : syn | ece | cwr;
  return [first, between, between | fin | rst | urg];
}

/** Only SYN, or SYN and ACK: several packets of such a record repeat it unchanged. */
export function isHandshake(flags: number): boolean {
  return flags === 2 || flags === 18;
}

/** Sequence numbers that SYN and FIN take. */
function steps(flags: number): number {
  return ((flags >> 1) & 1) + (flags & 1);
}

/** Layer-3 bytes of the first `index` packets: floor(index*total/packets). */
function bytesBefore(total: number, packets: number, index: number): bigint {
  return (BigInt(index) * BigInt(total)) / BigInt(packets);
}

/** Moves a frame state to packet `skip`. */
function skipPackets(view: DataView, state: number, record: number, skip: number): void {
  const total = view.getFloat64(record + recordAt.bytes, true);
  const packets = view.getUint32(record + recordAt.packets, true);
  const remainder = BigInt(view.getUint32(state + 4, true));
  view.setUint32(state + 8, Number((BigInt(skip) * remainder) % BigInt(packets)), true);
  view.setUint32(state + 16, skip, true);
  if (view.getUint8(state + 27) !== kinds.tcp || view.getUint8(state + 39) !== 0) return;
  const header = view.getUint8(record + recordAt.family) === 6 ? 60 : 40;
  const payload = bytesBefore(total, packets, skip) - BigInt(skip) * BigInt(header);
  const counted = steps(view.getUint8(state + 24)) + (skip - 1) * steps(view.getUint8(state + 25));
  const sequence = BigInt(view.getUint32(state + 20, true)) + payload + BigInt(counted);
  view.setUint32(state + 20, Number(BigInt.asUintN(32, sequence)), true);
}
