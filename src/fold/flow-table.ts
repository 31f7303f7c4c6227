/**
 * Groups of flows with their exact sums, kept by the kernel `flow-table.as.ts`, which draws a group and the table of slots. Here are its memory
 * and the words between: rows are handed over a part at a time, figures are read by the number of the group, in order of first appearance.
 *
 *     0 | 64 KiB the kernel's own | directory of chunks 256 KiB | keys and columns of a part of 4096 rows | chunks of groups and slots |
 *
 * The law: folding is exact (whole numbers to 2^53) and does not depend on how the rows are cut into batches or tables. No object a group.
 */

import { readFileSync } from 'node:fs';
import { Refused } from '../base/faults.js';

/** The columns of a batch that are summed. */
export interface SummedColumns {
  readonly firstSeconds: Uint32Array;
  readonly firstNanos: Uint32Array;
  readonly lastSeconds: Uint32Array;
  readonly lastNanos: Uint32Array;
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  readonly packetsRev?: Float64Array;
  readonly bytesRev?: Float64Array;
  /** Flows that a row was made of; 0 is one. */
  readonly flowCount?: Float64Array;
}

/** Groups as they lie in a table, to be added to another one with the same keys. */
export interface TableGroups {
  readonly count: number;
  /** Whether they hold what goes back, too. */
  readonly isWide: boolean;
  readonly chunks: readonly ArrayBuffer[];
}

interface Kernel {
  begin(words: number, at: number, isWide: number): number;
  groupCount(): number;
  fold(rows: number, keys: number, ...columns: number[]): number;
  absorb(at: number, count: number, size: number, isWide: number, isBothWays: number): number;
}

const directoryAt = 65536;
const directoryBytes = 65536 * 4;
const chunkGroups = 4096;
const keyAt = 40;
/** Rows that are handed over at once. */
export const partRows = 4096;
const columnBytes = {
  flowCount: 8,
  packets: 8,
  bytes: 8,
  packetsRev: 8,
  bytesRev: 8,
  firstSeconds: 4,
  firstNanos: 4,
  lastSeconds: 4,
  lastNanos: 4,
} as const;
const columnNames = Object.keys(columnBytes) as (keyof typeof columnBytes)[];

let compiled: WebAssembly.Module | undefined;

export class FlowTable {
  /** Words of a key. */
  readonly words: number;
  #memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
  #kernel: Kernel;
  #groupBytes = 0;
  /** Whether groups hold what goes back: from the first rows on that have it. */
  #isWide = false;
  readonly #heapAt: number;
  readonly #inputAt = directoryAt + directoryBytes;
  readonly #columnAt: Readonly<Record<keyof typeof columnBytes, number>>;
  #views = viewsOf(this.#memory.buffer);

  constructor(words: number) {
    this.words = words;
    let at = this.#inputAt + inputBytes(words);
    const places = columnNames.map((name) => {
      const place = at;
      at += partRows * columnBytes[name];
      return [name, place] as const;
    });
    this.#columnAt = Object.fromEntries(places) as Record<keyof typeof columnBytes, number>;
    this.#heapAt = at;
    this.#kernel = this.#begun();
  }

  #begun(): Kernel {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('flow-table.wasm', import.meta.url)));
    const kernel = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports as unknown as Kernel;
    this.#groupBytes = kernel.begin(this.words, this.#heapAt, this.#isWide ? 1 : 0);
    this.#views = viewsOf(this.#memory.buffer);
    return kernel;
  }

  // The groups in another memory, with room for what goes back; the keys of the part that is to be folded stay where they are.
  #widen(): void {
    if (this.#isWide) return;
    const groups = this.groups();
    const keys = this.keys.slice();
    this.#isWide = true;
    this.#memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
    this.#kernel = this.#begun();
    this.absorb(groups);
    this.keys.set(keys);
  }

  /** Groups so far. */
  get count(): number {
    return this.#kernel.groupCount();
  }

  /** Where the keys of a part go, `words` words a row; of use until the next fold. */
  get keys(): Uint32Array {
    this.#refresh();
    return this.#views.words.subarray(this.#inputAt >> 2, (this.#inputAt >> 2) + partRows * this.words);
  }

  /** Adds rows [start, end) (at most `partRows`), whose keys stand in `keys`; `isBothWays`: a row joins the group of its other direction if that stands. */
  fold(rows: SummedColumns, start: number, end: number, isBothWays = false): void {
    const hasBack = rows.packetsRev !== undefined || rows.bytesRev !== undefined;
    if (hasBack || isBothWays) this.#widen();
    this.#refresh();
    const { floats, words } = this.#views;
    const at = this.#columnAt;
    for (const name of columnNames) {
      const column = rows[name];
      if (column instanceof Float64Array) floats.set(column.subarray(start, end), at[name] >> 3);
      else if (column !== undefined) words.set(column.subarray(start, end), at[name] >> 2);
      else if (hasBack && name !== 'flowCount') floats.fill(0, at[name] >> 3, (at[name] >> 3) + end - start);
    }
    const back = hasBack ? [at.packetsRev, at.bytesRev] : [0, 0];
    const times = [at.firstSeconds, at.firstNanos, at.lastSeconds, at.lastNanos];
    const isDone = this.#kernel.fold(
      end - start,
      this.#inputAt,
      rows.flowCount === undefined ? 0 : at.flowCount,
      at.packets,
      at.bytes,
      ...back,
      ...times,
      isBothWays ? 1 : 0,
    );
    if (isDone === 0) this.#refuse();
  }

  /** All groups, for another table. */
  groups(): TableGroups {
    this.#refresh();
    const chunks: ArrayBuffer[] = [];
    for (let group = 0; group < this.count; group += chunkGroups) {
      const at = this.#addressOf(group);
      chunks.push(this.#memory.buffer.slice(at, at + Math.min(chunkGroups, this.count - group) * this.#groupBytes));
    }
    return { count: this.count, isWide: this.#isWide, chunks };
  }

  /** Adds the groups of another table with the same keys; `isBothWays` as in `fold`. */
  absorb({ count, isWide, chunks }: TableGroups, isBothWays = false): void {
    if (isWide || isBothWays) this.#widen();
    const size = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0) / Math.max(count, 1);
    const partBytes = Math.floor(inputBytes(this.words) / size) * size;
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.byteLength; done += partBytes) {
        const part = new Uint8Array(chunk, done, Math.min(partBytes, chunk.byteLength - done));
        new Uint8Array(this.#memory.buffer).set(part, this.#inputAt);
        if (this.#kernel.absorb(this.#inputAt, part.length / size, size, isWide ? 1 : 0, isBothWays ? 1 : 0) === 0) this.#refuse();
      }
    }
    this.#refresh();
  }

  flows(group: number): number {
    return this.#views.floats[this.#addressOf(group) >>> 3]!;
  }

  packets(group: number): number {
    return this.#views.floats[(this.#addressOf(group) >>> 3) + 1]!;
  }

  bytes(group: number): number {
    return this.#views.floats[(this.#addressOf(group) >>> 3) + 2]!;
  }

  packetsRev(group: number): number {
    return this.#isWide ? this.#views.floats[((this.#addressOf(group) + this.#groupBytes) >>> 3) - 2]! : 0;
  }

  bytesRev(group: number): number {
    return this.#isWide ? this.#views.floats[((this.#addressOf(group) + this.#groupBytes) >>> 3) - 1]! : 0;
  }

  /** Nanoseconds of the epoch at which the first flow began. */
  firstNs(group: number): bigint {
    return this.#views.longs[(this.#addressOf(group) >>> 3) + 3]!;
  }

  /** Nanoseconds of the epoch at which the last flow ended. */
  lastNs(group: number): bigint {
    return this.#views.longs[(this.#addressOf(group) >>> 3) + 4]!;
  }

  /** Word `word` of a group's key. */
  key(group: number, word: number): number {
    return this.#views.words[((this.#addressOf(group) + keyAt) >>> 2) + word]!;
  }

  /** The bytes of words of a group's key. */
  keyBytes(group: number, word: number, size: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, this.#addressOf(group) + keyAt + word * 4, size);
  }

  #addressOf(group: number): number {
    return this.#views.words[(directoryAt >> 2) + (group >>> 12)]! + (group & (chunkGroups - 1)) * this.#groupBytes;
  }

  // Growing the memory replaces its buffer.
  #refresh(): void {
    if (this.#views.words.buffer !== this.#memory.buffer) this.#views = viewsOf(this.#memory.buffer);
  }

  #refuse(): never {
    throw new Refused(`more than ${this.count} groups of flows do not fit into memory (expected fewer: narrow the filter or the keys)`);
  }
}

/** Bytes of the keys of a part, as they lie before its columns. */
function inputBytes(words: number): number {
  return Math.ceil((partRows * words * 4) / 8) * 8;
}

function viewsOf(buffer: ArrayBuffer) {
  return { words: new Uint32Array(buffer), floats: new Float64Array(buffer), longs: new BigUint64Array(buffer) };
}
