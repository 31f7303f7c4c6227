/**
 * XML dumps of RRDtool databases: what `rrdtool dump` writes and `rrdtool restore` reads, of old and new versions alike.
 *
 *     rrd > version, step, lastupdate, ds (name, type, minimal_heartbeat, min, max | cdef, last_ds, value, unknown_sec) ...,
 *           rra (cf, pdp_per_row, xff or params (xff | hw_alpha ...), cdp_prep (ds (value, unknown_datapoints ...)), database (row (v ...) ...)) ...
 *
 * Rows stand oldest first; their times are comments, so an archive ends at the last whole step before `lastupdate`. Every fault names the byte offset.
 * Source: rrddump(1), rrdrestore(1), and the dumps themselves.
 */

import { readFileSync, statSync } from 'node:fs';
import { Refused } from '../base/faults.js';
import {
  type RrdArchive,
  type RrdDatabase,
  type RrdFunction,
  RrdParameter,
  RrdPreparation,
  RrdScratch,
  type RrdSource,
  type RrdSourceType,
  rrdFunctions,
  rrdSourceTypes,
} from './rrd-database.js';
import { XmlWords } from './rrd-xml.js';

/** A dump above this is refused: it is read whole. */
const dumpBytesMax = 480 << 20;

/** A database read from an XML dump. Throws Malformed with the offset of what is wrong. */
export class RrdDump implements RrdDatabase {
  readonly file: string;
  readonly version: string;
  readonly step: number;
  readonly lastUpdate: number;
  readonly lastUpdateMicros = 0;
  readonly headerBytes: number;
  readonly architecture = 'XML dump';
  readonly sources: readonly RrdSource[];
  readonly archives: readonly RrdArchive[];
  readonly #values: readonly Float64Array[];

  constructor(file: string) {
    this.file = file;
    const sizeBytes = statSync(file).size;
    if (sizeBytes > dumpBytesMax)
      throw new Refused(`a dump of ${sizeBytes} bytes (at most ${dumpBytesMax} are read; rrdtool restore it first)`, { file });
    const words = new XmlWords(readFileSync(file, 'latin1'), file);
    words.open('rrd');
    this.version = words.textOf('version');
    if (!/^000[1-5]$/.test(this.version)) throw words.fault(`RRD version '${this.version}' (expected 0001 to 0005)`);
    this.step = words.countOf('step');
    if (this.step === 0) throw words.fault('a step of 0 seconds');
    this.lastUpdate = words.countOf('lastupdate');
    const sources: RrdSource[] = [];
    const archives: RrdArchive[] = [];
    const values: Float64Array[] = [];
    while (!words.close('rrd')) {
      if (words.tryOpen('ds')) sources.push(readSource(words, sources.length));
      else {
        words.open('rra');
        const read = readArchive(words, archives.length, sources.length, this.step, this.lastUpdate);
        archives.push(read.archive);
        values.push(read.values);
      }
    }
    if (sources.length === 0 || archives.length === 0) throw words.fault(`${sources.length} sources and ${archives.length} archives`);
    this.sources = sources;
    this.archives = archives;
    this.#values = values;
    const [s, a] = [sources.length, archives.length];
    this.headerBytes = 128 + 120 * s + 120 * a + (Number(this.version) < 3 ? 8 : 16) + 112 * s + 80 * s * a + 8 * a;
  }

  rows(archive: RrdArchive, first: number, count: number): Float64Array {
    const width = this.sources.length;
    const values = this.#values[archive.index] ?? new Float64Array(0);
    return values.slice(Math.max(0, first) * width, Math.max(0, first + count) * width);
  }

  close(): void {}
}

function readSource(words: XmlWords, index: number): RrdSource {
  const name = words.textOf('name');
  const type = oneOf<RrdSourceType>(words, words.textOf('type'), rrdSourceTypes, 'type of a data source');
  let heartbeat = 0;
  let [min, max] = [Number.NaN, Number.NaN];
  let compute: string | undefined;
  if (type === 'COMPUTE') compute = words.textOf('cdef');
  else {
    heartbeat = words.countOf('minimal_heartbeat');
    min = words.numberOf('min');
    max = words.numberOf('max');
  }
  const lastReading = words.textOf('last_ds');
  const pending = words.numberOf('value');
  const unknownSeconds = words.countOf('unknown_sec');
  words.mustClose('ds');
  return { index, name, type, heartbeat, min, max, compute, lastReading, pending, unknownSeconds };
}

const parameterFields: Readonly<Record<string, readonly [field: number, isCount: boolean]>> = {
  xff: [RrdParameter.xff, false],
  hw_alpha: [RrdParameter.alpha, false],
  hw_beta: [RrdParameter.beta, false],
  dependent_rra_idx: [RrdParameter.dependent, true],
  seasonal_gamma: [RrdParameter.gamma, false],
  seasonal_smooth_idx: [RrdParameter.smoothIndex, true],
  smoothing_window: [RrdParameter.smoothingWindow, false],
  delta_pos: [RrdParameter.deltaPositive, false],
  delta_neg: [RrdParameter.deltaNegative, false],
  window_len: [RrdParameter.windowLength, true],
  failure_threshold: [RrdParameter.failureThreshold, true],
};

const preparationFields: Readonly<Record<string, readonly [field: number, isCount: boolean]>> = {
  primary_value: [RrdPreparation.primary, false],
  secondary_value: [RrdPreparation.secondary, false],
  value: [RrdPreparation.value, false],
  unknown_datapoints: [RrdPreparation.unknownPoints, true],
  intercept: [RrdPreparation.intercept, false],
  last_intercept: [RrdPreparation.lastIntercept, false],
  slope: [RrdPreparation.slope, false],
  last_slope: [RrdPreparation.lastSlope, false],
  nan_count: [RrdPreparation.nanCount, true],
  last_nan_count: [RrdPreparation.lastNanCount, true],
  seasonal: [RrdPreparation.seasonal, false],
  last_seasonal: [RrdPreparation.lastSeasonal, false],
  init_flag: [RrdPreparation.initFlag, true],
};

function readArchive(
  words: XmlWords,
  index: number,
  width: number,
  step: number,
  lastUpdate: number,
): { archive: RrdArchive; values: Float64Array } {
  if (width === 0) throw words.fault('an archive before any data source');
  const cf = oneOf<RrdFunction>(words, words.textOf('cf'), rrdFunctions, 'consolidation function');
  const pdpPerRow = words.countOf('pdp_per_row');
  if (pdpPerRow === 0 || pdpPerRow * step > Number.MAX_SAFE_INTEGER) throw words.fault(`an archive of ${pdpPerRow} steps a row`);
  let parameters: RrdScratch;
  if (words.tryOpen('params')) {
    parameters = readFields(words, 'params', parameterFields);
  } else {
    const blank = RrdScratch.blank();
    blank.setDouble(RrdParameter.xff, words.numberOf('xff'));
    parameters = blank.scratch;
  }
  words.open('cdp_prep');
  const preparations: RrdScratch[] = [];
  while (!words.close('cdp_prep')) {
    words.open('ds');
    preparations.push(readFields(words, 'ds', preparationFields));
  }
  if (preparations.length !== width) throw words.fault(`${preparations.length} preparations of ${width} sources`);
  words.open('database');
  const values = readRows(words, width);
  words.mustClose('rra');
  const rows = values.length / width;
  const rowStep = pdpPerRow * step;
  const lastEnd = lastUpdate - (lastUpdate % rowStep);
  const xff = parameters.double(RrdParameter.xff);
  return {
    archive: {
      ...{ index, cf, rows, pdpPerRow, step: rowStep, xff, currentRow: rows - 1 },
      ...{ firstEnd: lastEnd - (rows - 1) * rowStep, lastEnd, parameters, preparations },
    },
    values,
  };
}

function readFields(words: XmlWords, element: string, table: Readonly<Record<string, readonly [number, boolean]>>): RrdScratch {
  const blank = RrdScratch.blank();
  while (!words.close(element)) {
    const name = words.peekOpen();
    if (name === 'history') {
      blank.scratch.bytes.set(
        Buffer.from(words.textOf('history'), 'latin1')
          .subarray(0, 80)
          .map((digit) => (digit === 0x31 ? 1 : 0)),
      );
      continue;
    }
    const row = name === undefined ? undefined : table[name];
    if (name === undefined || row === undefined) throw words.fault(`<${name ?? '?'}> (expected one of ${Object.keys(table).join(', ')})`);
    if (row[1]) blank.setCount(row[0], words.countOf(name));
    else blank.setDouble(row[0], words.numberOf(name));
  }
  return blank.scratch;
}

function readRows(words: XmlWords, width: number): Float64Array {
  let values = new Float64Array(256 * width);
  let used = 0;
  while (!words.close('database')) {
    words.open('row');
    for (let column = 0; column < width; column++) {
      if (used === values.length) {
        const larger = new Float64Array(used * 2);
        larger.set(values);
        values = larger;
      }
      values[used++] = words.numberOf('v');
    }
    words.mustClose('row');
  }
  if (used === 0) throw words.fault('an archive without rows');
  return values.slice(0, used);
}

function oneOf<Word extends string>(words: XmlWords, text: string, known: readonly Word[], what: string): Word {
  const found = known.find((word) => word === text);
  if (found === undefined) throw words.fault(`unknown ${what} '${text}' (expected one of ${known.join(', ')})`);
  return found;
}
