/**
 * What every flow-file reader is: a name, a test on the first bytes, and a stream of FlowBatches. One file a format,
 * all of this shape, listed in the literal table of `formats.ts`.
 *
 * A reader never throws for a bad row: it calls `reject` with the cause and goes on with the next. It throws Malformed when the
 * rest of the input cannot be read (a damaged stream); what it yielded before stands.
 * A yielded batch belongs to the consumer until it asks for the next one; a reader may reuse it then.
 */

import type { FlowBatch, UnreadableCause } from '../base/flow-batch.js';
import type { Filter } from './filter.js';
import type { UnpackPool } from './unpack-pool.js';

/** A row that could not be read. */
export interface Reject {
  readonly file: string;
  /** Line from 1 for text formats, or undefined. */
  readonly line?: number;
  /** Byte offset for binary formats, or undefined. */
  readonly offset?: number;
  readonly cause: UnreadableCause | string;
  /** How many records are lost by it (1 unless a whole block is). */
  readonly count: number;
  /** The row as it stood (texts) or a few words on it. */
  readonly original: string;
  /** What is wrong and what was expected. */
  readonly message: string;
}

/** Columns that go together: first and last; ports, protocol, flags and tos; addresses and family; packets and bytes of the other direction and flows that were aggregated. */
export type ColumnPart = 'times' | 'ports' | 'addresses' | 'reverse';
/** Parts that are enough, besides packets and bytes. A reader that is quicker so may leave all other columns as they are. */
export type WantedColumns = readonly ColumnPart[];

/** Columns of each part. */
export const partColumns: Readonly<Record<ColumnPart, readonly string[]>> = {
  times: ['firstSeconds', 'firstNanos', 'lastSeconds', 'lastNanos'],
  ports: ['sport', 'dport', 'proto', 'flags', 'tos'],
  addresses: ['src', 'dst', 'family'],
  reverse: ['packetsRev', 'bytesRev', 'flowCount'],
};
const counters: ReadonlySet<string> = new Set(['packets', 'bytes']);
const parts = Object.keys(partColumns) as readonly ColumnPart[];

/** The parts that hold some columns; undefined when one is in none of them. */
export function partsOf(columns: Iterable<string>): WantedColumns | undefined {
  const found = new Set<ColumnPart>();
  for (const column of columns) {
    if (counters.has(column)) continue;
    const part = parts.find((name) => partColumns[name].includes(column));
    if (part === undefined) return undefined;
    found.add(part);
  }
  return [...found];
}

/** What either wants; undefined (all) when one of them does. */
export function bothParts(one: WantedColumns | undefined, other: WantedColumns | undefined): WantedColumns | undefined {
  return one === undefined || other === undefined ? undefined : [...new Set([...one, ...other])];
}

/** Which rows are looked at, and what of them once they passed. */
export interface WantedRows {
  readonly filter: Filter;
  /** Absent: all columns. */
  readonly wanted: WantedColumns | undefined;
}

/** What a reader is told. */
export interface ReadOptions {
  /** Only these columns are looked at; absent: all. */
  readonly wanted?: WantedColumns;
  /** Rows that do not pass are not looked at: a reader may leave them out, and then says so in `batch.isSelected`. */
  readonly rows?: WantedRows;
  /** Time zone (IANA) of times without one; default UTC. */
  readonly timeZone?: string;
  /** `--columns` mapping, as given. */
  readonly columns?: string;
  /** Keep the rows as they stood in `batch.originals`, for a list of rejects. */
  readonly keepOriginals?: boolean;
  /** Seed for what is drawn (blank addresses of profiles). */
  readonly seed?: number;
  /** Called for each row that cannot be read. */
  readonly reject: (reject: Reject) => void;
  /** Called with a line for a person (a notice about foreign records, an unfinished file, ...). */
  readonly notice: (text: string) => void;
  /** Unpacks blocks on other cores. */
  readonly unpackers?: UnpackPool;
  /** Number of the last data row before this input: rows here are numbered from `numberBefore + 1`. */
  readonly numberBefore: number;
}

/** Bytes of one input, already decompressed, with its first bytes at hand. */
export interface Input {
  /** Path as the user gave it; `-` for standard input. */
  readonly file: string;
  /** Up to 64 KiB from the start. */
  readonly head: Uint8Array;
  /** Bytes from the start, `head` included, in chunks. May be iterated once. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
  /** Path of a plain (uncompressed, seekable) file, when the input is one: a reader may open it itself. */
  readonly plainPath?: string;
}

/** A flow-file format. */
export interface FlowFormat {
  readonly name: string;
  /** Whether the first bytes look like this format. Options are given since `--columns` decides for CSV. */
  readonly detect: (head: Uint8Array, options: ReadOptions) => boolean;
  /** Streams the records; returns the number of data rows seen (rejected ones included). */
  readonly read: (input: Input, options: ReadOptions) => AsyncGenerator<FlowBatch, number>;
}
