/**
 * What an RRDtool database holds, the same whether it was read from an `.rrd` file (`rrd.ts`) or from an XML dump (`rrd-dump.ts`).
 *
 * An archive keeps one consolidated row every `pdpPerRow` steps, a row being one value for each source; a row is labelled by its end:
 * it speaks of (end - step of the archive, end]. Rows are numbered here from the oldest (0) to the newest, whatever place the ring has them at.
 * Source: the manual pages rrdtool(1), rrdcreate(1), rrdfetch(1); names of scratch fields as `rrdtool dump` prints them.
 */

import { Refused } from '../base/faults.js';

export const rrdSourceTypes = ['GAUGE', 'COUNTER', 'DERIVE', 'ABSOLUTE', 'COMPUTE', 'DCOUNTER', 'DDERIVE'] as const;

/** Consolidation functions; the last six belong to the Holt-Winters forecast. */
export const rrdFunctions = [
  'AVERAGE',
  'MIN',
  'MAX',
  'LAST',
  'HWPREDICT',
  'MHWPREDICT',
  'SEASONAL',
  'DEVSEASONAL',
  'DEVPREDICT',
  'FAILURES',
] as const;

export type RrdSourceType = (typeof rrdSourceTypes)[number];
export type RrdFunction = (typeof rrdFunctions)[number];

/** A data source and where its primary point stands. */
export interface RrdSource {
  readonly index: number;
  readonly name: string;
  readonly type: RrdSourceType;
  /** Seconds after which a reading no longer holds; 0 for COMPUTE. */
  readonly heartbeat: number;
  /** Bounds of a rate; NaN where there is none. */
  readonly min: number;
  readonly max: number;
  /** The expression of a COMPUTE source as it was written, `in,out,+`. */
  readonly compute: string | undefined;
  /** The last reading as text; `U` or `UNKN` where there is none. */
  readonly lastReading: string;
  /** Rate x seconds known since the last whole step. */
  readonly pending: number;
  /** Seconds unknown since the last whole step. */
  readonly unknownSeconds: number;
}

/** One archive: a consolidation function at one resolution. */
export interface RrdArchive {
  readonly index: number;
  readonly cf: RrdFunction;
  readonly rows: number;
  readonly pdpPerRow: number;
  /** Seconds a row: pdpPerRow x the step of the database. */
  readonly step: number;
  /** Share of unknown primary points up to which a row is known. */
  readonly xff: number;
  /** The place in the ring of the newest row. */
  readonly currentRow: number;
  /** End of the oldest and of the newest row, epoch seconds. */
  readonly firstEnd: number;
  readonly lastEnd: number;
  /** Ten fields of the archive's definition: see `RrdParameter`. */
  readonly parameters: RrdScratch;
  /** The row in the making, by source. */
  readonly preparations: readonly RrdScratch[];
}

/** A database that is open. Call `close` when done. */
export interface RrdDatabase {
  readonly file: string;
  /** `0001` to `0005`. */
  readonly version: string;
  /** Seconds a primary point. */
  readonly step: number;
  /** Time of the last update, epoch seconds, and its microseconds. */
  readonly lastUpdate: number;
  readonly lastUpdateMicros: number;
  /** Bytes before the rows; for a dump, what the file would have on a 64-bit machine. */
  readonly headerBytes: number;
  /** `64 bit, little-endian`, or `XML dump`. */
  readonly architecture: string;
  readonly sources: readonly RrdSource[];
  readonly archives: readonly RrdArchive[];
  /**
   * Values of rows [first, first + count) of an archive, oldest first, a row being `sources.length` values; NaN is unknown, and its sign is kept.
   * Row i ends at `archive.firstEnd + i * archive.step`.
   */
  rows(archive: RrdArchive, first: number, count: number): Float64Array;
  /**
   * Of a database that keeps unknown time at every step (one of the store): a source at the step of the database over [start, end), whole steps; the time
   * of a coarse row is shared out again, the unknown part first.
   */
  fineRows?(source: RrdSource, cf: RrdFunction, start: number, end: number): Float64Array;
  close(): void;
}

/** Fields of an archive's definition. */
export const RrdParameter = {
  xff: 0,
  alpha: 1,
  beta: 2,
  gamma: 1,
  smoothingWindow: 2,
  dependent: 3,
  smoothIndex: 4,
  deltaPositive: 1,
  deltaNegative: 2,
  windowLength: 4,
  failureThreshold: 5,
} as const;

/** Fields of a row in the making. */
export const RrdPreparation = {
  value: 0,
  unknownPoints: 1,
  intercept: 2,
  lastIntercept: 3,
  slope: 4,
  lastSlope: 5,
  nanCount: 6,
  lastNanCount: 7,
  seasonal: 2,
  lastSeasonal: 3,
  initFlag: 6,
  primary: 8,
  secondary: 9,
} as const;

/** Ten fields of 8 bytes, each a double, a count, or (of FAILURES) characters. */
export class RrdScratch {
  readonly bytes: Uint8Array;
  readonly #double: (offset: number) => number;
  readonly #count: (offset: number) => number;

  constructor(bytes: Uint8Array, double: (offset: number) => number, count: (offset: number) => number) {
    this.bytes = bytes;
    this.#double = double;
    this.#count = count;
  }

  double(field: number): number {
    return this.#double(field * 8);
  }

  count(field: number): number {
    return this.#count(field * 8);
  }

  /** Ten empty fields and how to set them, little-endian. */
  static blank(): {
    scratch: RrdScratch;
    setDouble: (field: number, value: number) => void;
    setCount: (field: number, value: number) => void;
  } {
    const bytes = new Uint8Array(80);
    const view = new DataView(bytes.buffer);
    return {
      scratch: new RrdScratch(
        bytes,
        (offset) => view.getFloat64(offset, true),
        (offset) => view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32,
      ),
      setDouble: (field, value) => view.setFloat64(field * 8, value, true),
      setCount: (field, value) => {
        view.setUint32(field * 8, value % 2 ** 32, true);
        view.setUint32(field * 8 + 4, Math.floor(value / 2 ** 32), true);
      },
    };
  }
}

/** The source of that name; throws Refused as rrdtool words it. */
export function rrdSource(database: RrdDatabase, name: string): RrdSource {
  const found = database.sources.find((source) => source.name === name);
  if (found === undefined) throw new Refused(`No DS called '${name}' in '${database.file}'`);
  return found;
}
