/**
 * Drives the kernel `nfcapd-scan.as.ts`, which puts into columns what a reader looks at of the records that pass its filter. Here are its tables and the
 * program of the filter in the memory that all kernels of a file share:
 *
 *     0 | 2624 what the kernel notes | layouts 256 x 256 | program 120 steps x 64 | tables of lists 4 x 65536 |
 */

import { kernelIn } from '../base/block-codecs.js';
import type { Filter } from './filter.js';
import type { ColumnPart, WantedColumns } from './format.js';
import { type RowProgram, rowProgram, stepBytes, stepFields, stepsMax, tableBytes, tablesMax } from './nfcapd-filter.js';

interface Exports {
  scan(
    columns: number,
    tables: number,
    at: number,
    end: number,
    row: number,
    capacity: number,
    parts: number,
    program: number,
    steps: number,
  ): number;
  rowCount(): number;
  seenCount(): number;
  stoppedHard(): number;
  neededColumn(): number;
}

const programAt = 2624 + 256 * 256;
const listsAt = programAt + stepsMax * stepBytes;
const bitOfPart: Readonly<Record<ColumnPart, number>> = { times: 1, ports: 2, addresses: 4, reverse: 8 };
const programs = new WeakMap<Filter, { readonly program: RowProgram | undefined }>();

/** The program of a filter, made once; undefined where it has none. */
export function programOf(filter: Filter): RowProgram | undefined {
  let held = programs.get(filter);
  if (held === undefined) {
    held = { program: rowProgram(filter.tree) };
    programs.set(filter, held);
  }
  return held.program;
}

export class NfcapdScan {
  /** Bytes that it takes in the memory. */
  static readonly bytes = listsAt + tablesMax * tableBytes;
  readonly #kernel: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #at: number;
  #held: RowProgram | undefined;
  #steps = 0;
  #parts = 0;

  /** Its tables lie at `at`, all zero at first. */
  constructor(memory: WebAssembly.Memory, at: number) {
    this.#memory = memory;
    this.#at = at;
    this.#kernel = kernelIn(memory, new URL('nfcapd-scan.wasm', import.meta.url)) as unknown as Exports;
  }

  /** Takes the columns that are looked at, and the program that records have to pass. */
  begin(wanted: WantedColumns, program: RowProgram | undefined): void {
    this.#parts = wanted.reduce((bits, part) => bits | bitOfPart[part], 0);
    if (program !== undefined && program !== this.#held) {
      this.#write(program);
      this.#held = program;
    }
    this.#steps = program?.count ?? 0;
  }

  /** Appends records of [at, end) that pass to a batch that holds `row` of `capacity` rows; answers where it stopped. */
  scan(columns: number, at: number, end: number, row: number, capacity: number): number {
    return this.#kernel.scan(columns, this.#at, at, end, row, capacity, this.#parts, this.#at + programAt, this.#steps);
  }

  /** Rows in the batch after `scan`. */
  get rows(): number {
    return this.#kernel.rowCount();
  }

  /** Flows that `scan` took, those that did not pass included. */
  get seen(): number {
    return this.#kernel.seenCount();
  }

  /** Where `scan` stopped for the reference, or for a column: its place in the table of columns, else 0; undefined where it did not stop. */
  get stopped(): number | undefined {
    return this.#kernel.stoppedHard() === 0 ? undefined : this.#kernel.neededColumn();
  }

  #write({ steps, count, tables }: RowProgram): void {
    const bytes = new Uint8Array(this.#memory.buffer);
    const at = this.#at + programAt;
    bytes.set(steps.subarray(0, count * stepBytes), at);
    tables.forEach(({ step, values }, index) => {
      const place = this.#at + listsAt + index * tableBytes;
      bytes.set(values, place);
      new DataView(bytes.buffer).setUint32(at + step * stepBytes + stepFields.value, place, true);
    });
  }
}
