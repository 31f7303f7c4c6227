/** What `rrdtool info` and `rrdtool lastupdate` print of a database, byte for byte. Source: rrdinfo(1), rrdlastupdate(1), and the program beside it. */

import { formatE } from '../base/number.js';
import type { RowWriter } from '../base/row-writer.js';
import {
  type RrdArchive,
  type RrdDatabase,
  RrdParameter,
  RrdPreparation,
  type RrdScratch,
  type RrdSource,
} from '../collect/rrd-database.js';

/** `key = value` lines of every field of the head. */
export function rrdInfoText(database: RrdDatabase): string {
  const lines = [
    `filename = "${database.file}"`,
    `rrd_version = "${database.version}"`,
    `step = ${database.step}`,
    `last_update = ${database.lastUpdate}`,
    `header_size = ${database.headerBytes}`,
  ];
  for (const source of database.sources) for (const line of sourceLines(source)) lines.push(`ds[${source.name}].${line}`);
  for (const archive of database.archives) for (const line of archiveLines(archive)) lines.push(`rra[${archive.index}].${line}`);
  return `${lines.join('\n')}\n`;
}

/** The last reading of each source under its name, and when it came. */
export function rrdLastUpdateText(database: RrdDatabase): string {
  const names = database.sources.map((source) => ` ${source.name}`).join('');
  const readings = database.sources.map((source) => ` ${source.lastReading}`).join('');
  return `${names}\n\n${String(database.lastUpdate).padStart(10)}:${readings}\n`;
}

/** `%0.10e`, unknown as `NaN`. */
export function rrdValue(value: number): string {
  return Number.isNaN(value) ? 'NaN' : formatE(value, 10);
}

/** The same without a sign before a zero: how dump and xport print a value. */
export function rrdUnsignedZero(value: number): string {
  return rrdValue(value === 0 ? 0 : value);
}

/** The same as bytes. */
export function writeUnsignedZero(writer: RowWriter, value: number): void {
  if (Number.isNaN(value)) writer.ascii('NaN');
  else writer.exponential(value === 0 ? 0 : value);
}

function sourceLines(source: RrdSource): string[] {
  const bounds =
    source.compute === undefined
      ? [`minimal_heartbeat = ${source.heartbeat}`, `min = ${rrdValue(source.min)}`, `max = ${rrdValue(source.max)}`]
      : [`cdef = "${source.compute}"`];
  return [
    `index = ${source.index}`,
    `type = "${source.type}"`,
    ...bounds,
    `last_ds = "${source.lastReading}"`,
    `value = ${rrdValue(source.pending)}`,
    `unknown_sec = ${source.unknownSeconds}`,
  ];
}

function archiveLines(archive: RrdArchive): string[] {
  const parts = partsOf(archive);
  return [
    `cf = "${archive.cf}"`,
    `rows = ${archive.rows}`,
    `cur_row = ${archive.currentRow}`,
    `pdp_per_row = ${archive.pdpPerRow}`,
    ...parts.parameters,
    ...archive.preparations.flatMap((preparation, index) => parts.preparation(preparation).map((line) => `cdp_prep[${index}].${line}`)),
  ];
}

interface Parts {
  readonly parameters: readonly string[];
  readonly preparation: (scratch: RrdScratch) => string[];
}

/** The fields that a consolidation function has of its own. */
function partsOf({ cf, parameters }: RrdArchive): Parts {
  const [p, d] = [RrdParameter, RrdPreparation];
  const parameter = (name: string, field: number): string => `${name} = ${rrdValue(parameters.double(field))}`;
  switch (cf) {
    case 'HWPREDICT':
    case 'MHWPREDICT':
      return {
        parameters: [parameter('alpha', p.alpha), parameter('beta', p.beta)],
        preparation: (scratch) => [
          `intercept = ${rrdValue(scratch.double(d.intercept))}`,
          `slope = ${rrdValue(scratch.double(d.slope))}`,
          `NaN_count = ${scratch.count(d.nanCount)}`,
        ],
      };
    case 'SEASONAL':
    case 'DEVSEASONAL':
      return {
        parameters: [parameter('gamma', p.gamma), parameter('smoothing_window', p.smoothingWindow)],
        preparation: (scratch) => [`${cf === 'SEASONAL' ? 'seasonal' : 'deviation'} = ${rrdValue(scratch.double(d.seasonal))}`],
      };
    case 'DEVPREDICT':
      return { parameters: [], preparation: () => [] };
    case 'FAILURES': {
      const windowLength = Math.min(28, parameters.count(p.windowLength));
      return {
        parameters: [
          parameter('delta_pos', p.deltaPositive),
          parameter('delta_neg', p.deltaNegative),
          `failure_threshold = ${parameters.count(p.failureThreshold)}`,
          `window_length = ${parameters.count(p.windowLength)}`,
        ],
        preparation: (scratch) => [`history = "${failureHistory(scratch, windowLength)}"`],
      };
    }
    default:
      return {
        parameters: [parameter('xff', p.xff)],
        preparation: (scratch) => [
          `value = ${rrdValue(scratch.double(d.value))}`,
          `unknown_datapoints = ${scratch.count(d.unknownPoints)}`,
        ],
      };
  }
}

/** Which of the last predictions failed: a digit each. */
export function failureHistory(scratch: RrdScratch, windowLength: number): string {
  return [...scratch.bytes.subarray(0, windowLength)].map((failed) => (failed === 1 ? '1' : '0')).join('');
}
