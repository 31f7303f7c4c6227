/**
 * A database of the store, as what reads `.rrd` files sees one: the same verbs answer over both. Rows are made from the states when they are
 * asked for: a row is unknown where more of its time is than the archive's xff allows (of a primary point, half).
 */

import {
  type RrdArchive,
  type RrdDatabase,
  type RrdFunction,
  RrdParameter,
  RrdPreparation,
  RrdScratch,
  type RrdSource,
} from '../collect/rrd-database.js';
import type { ArchiveDefinition } from '../collect/rrd-definition.js';
import { readState } from '../fold/state.js';
import type { LmdbStore } from '../keep/lmdb.js';
import type { StoredRrd } from './stored-rrd.js';
import { fineStateRows } from './stored-rrd-rows.js';

export class StoredRrdDatabase implements RrdDatabase {
  readonly file: string;
  readonly version = '0003';
  readonly step: number;
  readonly lastUpdate: number;
  readonly lastUpdateMicros: number;
  readonly headerBytes = 0;
  readonly architecture = 'store';
  readonly sources: readonly RrdSource[];
  readonly archives: readonly RrdArchive[];
  readonly #rrd: StoredRrd;
  readonly #store: LmdbStore;
  readonly #close: () => void;

  constructor(rrd: StoredRrd, store: LmdbStore, close: () => void) {
    this.#rrd = rrd;
    this.#store = store;
    this.#close = close;
    this.file = rrd.file;
    this.step = rrd.definition.step;
    this.lastUpdate = Math.floor(rrd.atMs / 1000);
    this.lastUpdateMicros = (rrd.atMs % 1000) * 1000;
    this.sources = rrd.definition.sources.map((source, index) => {
      const { knownMs, unknownMs, integrals } = rrd.pending;
      return {
        ...source,
        index,
        lastReading: rrd.lasts[index] as string,
        pending: knownMs[index] === 0 ? (unknownMs[index] === 0 ? 0 : Number.NaN) : (integrals[index] as number) / 1000,
        unknownSeconds: Math.floor((unknownMs[index] as number) / 1000),
      };
    });
    this.archives = rrd.definition.archives.map((archive, index) => this.#archive(archive, index));
  }

  rows(archive: RrdArchive, first: number, count: number): Float64Array {
    const width = this.sources.length;
    const from = Math.max(0, first);
    const end = Math.min(archive.rows, first + count);
    const values = new Float64Array(Math.max(0, end - from) * width).fill(Number.NaN);
    const start = archive.firstEnd + (from - 1) * archive.step;
    const factor = archive.pdpPerRow === 1 ? 0.5 : 1 - archive.xff;
    for (let source = 0; source < width; source++) {
      const column = this.#figures(source, archive.cf, archive.step, start, start + (end - from) * archive.step, factor);
      for (let row = 0; row < end - from; row++) values[row * width + source] = column[row] ?? Number.NaN;
    }
    return values;
  }

  fineRows(source: RrdSource, cf: RrdFunction, start: number, end: number): Float64Array {
    const held = this.#store.statesOf(this.#rrd.series[source.index] as string, this.step, start, end);
    return fineStateRows(held?.cells, (end - start) / this.step, this.step * 1000, cf.toLowerCase());
  }

  // The figure of each slot of a range; unknown where less of it is known than the factor asks for.
  #figures(source: number, cf: RrdFunction, step: number, from: number, until: number, factor: number): Float64Array {
    const figures = new Float64Array(Math.max(0, (until - from) / step)).fill(Number.NaN);
    const held = this.#store.statesOf(this.#rrd.series[source] as string, step, from, until);
    if (held === undefined) return figures;
    const { cells } = held;
    const method = cf.toLowerCase();
    for (let row = 0; row < figures.length; row++) {
      // Time before the database began is unknown too, as rrdtool has it.
      if (cells.knownMs[row] === 0 || (cells.knownMs[row] as number) < factor * step * 1000 - 1e-3) continue;
      // The last point of a row is unknown when nothing is known at its end.
      const end = from + (row + 1) * step - this.step / 2;
      if (method === 'last' && (cells.lastAts[row] as number) < end * 1000) continue;
      const isConstant = cells.mins[row] === cells.maxs[row];
      figures[row] = readState(cells, row, method === 'average' && isConstant ? 'min' : method);
    }
    return figures;
  }

  close(): void {
    this.#close();
  }

  #archive({ cf, xff, pdpPerRow, rows }: ArchiveDefinition, index: number): RrdArchive {
    const step = this.step * pdpPerRow;
    const lastEnd = this.lastUpdate - (this.lastUpdate % step);
    const parameters = RrdScratch.blank();
    parameters.setDouble(RrdParameter.xff, xff);
    const preparations = this.sources.map((_, source) => {
      const blank = RrdScratch.blank();
      const made = this.#store.statesOf(this.#rrd.series[source] as string, step, lastEnd, lastEnd + step);
      const unknown = made === undefined ? 0 : Math.floor((made.cells.unknownMs[0] as number) / (this.step * 1000));
      blank.setDouble(RrdPreparation.value, Number.NaN);
      blank.setCount(RrdPreparation.unknownPoints, unknown);
      return blank.scratch;
    });
    return {
      ...{ index, cf, rows, pdpPerRow, step, xff, currentRow: rows - 1 },
      ...{ firstEnd: lastEnd - (rows - 1) * step, lastEnd, parameters: parameters.scratch, preparations },
    };
  }
}
