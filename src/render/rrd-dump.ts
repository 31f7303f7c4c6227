/** What `rrdtool dump` prints, byte for byte, comments and all; `rrdtool restore` takes it. Source: rrddump(1) and the program beside it. */

import { RowWriter } from '../base/row-writer.js';
import { type WallClock, wallTime } from '../base/wall-clock.js';
import {
  type RrdArchive,
  type RrdDatabase,
  RrdParameter,
  RrdPreparation,
  type RrdScratch,
  type RrdSource,
} from '../collect/rrd-database.js';
import { failureHistory, rrdUnsignedZero, writeUnsignedZero } from './rrd-info.js';

export type RrdDumpHeader = 'dtd' | 'xsd' | 'none';

export interface RrdDumpZone {
  readonly clock: WallClock;
  /** `CET` at an instant. */
  readonly name: (epochSeconds: number) => string;
}

const headers: Readonly<Record<RrdDumpHeader, string>> = {
  dtd: '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE rrd SYSTEM "https://oss.oetiker.ch/rrdtool/rrdtool.dtd">\n',
  xsd: '<?xml version="1.0" encoding="utf-8"?>\n',
  none: '',
};
const xsdRoot = `<rrd xmlns="https://oss.oetiker.ch/rrdtool/rrdtool-dump.xml" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
\txsi:schemaLocation="https://oss.oetiker.ch/rrdtool/rrdtool-dump.xml https://oss.oetiker.ch/rrdtool/rrdtool-dump.xsd">`;
/** Rows read and printed at a time. */
const rowsAtOnce = 1024;

/** The dump in pieces of bounded size. */
export function* rrdDumpText(database: RrdDatabase, header: RrdDumpHeader, zone: RrdDumpZone): Generator<string | Uint8Array> {
  const writer = new RowWriter();
  // Versions below 0003 hold nothing that 0003 does not, and are dumped as such.
  const version = Number(database.version) < 3 ? '0003' : database.version;
  yield [
    `${headers[header]}<!-- Round Robin Database Dump -->`,
    header === 'xsd' ? xsdRoot : '<rrd>',
    `\t<version>${version}</version>`,
    `\t<step>${database.step}</step> <!-- Seconds -->`,
    `\t<lastupdate>${database.lastUpdate}</lastupdate> <!-- ${localTime(database.lastUpdate, zone)} -->`,
    '',
    ...database.sources.map(sourceText),
    '\t<!-- Round Robin Archives -->\n',
  ].join('\n');
  for (const archive of database.archives) {
    yield archiveHead(archive);
    for (let first = 0; first < archive.rows; first += rowsAtOnce) {
      writeRows(writer, database, archive, first, zone);
      yield writer.take();
    }
    yield '\t\t</database>\n\t</rra>\n';
  }
  yield '</rrd>\n';
}

function sourceText(source: RrdSource): string {
  const bounds =
    source.compute === undefined
      ? [
          `\t\t<minimal_heartbeat>${source.heartbeat}</minimal_heartbeat>`,
          `\t\t<min>${rrdUnsignedZero(source.min)}</min>`,
          `\t\t<max>${rrdUnsignedZero(source.max)}</max>`,
        ]
      : [`\t\t<cdef> ${source.compute} </cdef>`];
  return [
    '\t<ds>',
    `\t\t<name> ${source.name} </name>`,
    `\t\t<type> ${source.type} </type>`,
    ...bounds,
    '',
    '\t\t<!-- PDP Status -->',
    `\t\t<last_ds>${escapeXml(source.lastReading)}</last_ds>`,
    `\t\t<value>${rrdUnsignedZero(source.pending)}</value>`,
    `\t\t<unknown_sec> ${source.unknownSeconds} </unknown_sec>`,
    '\t</ds>\n',
  ].join('\n');
}

function archiveHead(archive: RrdArchive): string {
  const [parameters, preparation] = fieldsOf(archive);
  const lines = [
    '\t<rra>',
    `\t\t<cf>${archive.cf}</cf>`,
    `\t\t<pdp_per_row>${archive.pdpPerRow}</pdp_per_row> <!-- ${archive.step} seconds -->`,
    '',
    '\t\t<params>',
    ...parameters.map(([name, value]) => `\t\t<${name}>${value}</${name}>`),
    '\t\t</params>',
    '\t\t<cdp_prep>',
  ];
  for (const scratch of archive.preparations) {
    const shared: [string, string][] = [
      ['primary_value', rrdUnsignedZero(scratch.double(RrdPreparation.primary))],
      ['secondary_value', rrdUnsignedZero(scratch.double(RrdPreparation.secondary))],
    ];
    lines.push('\t\t\t<ds>');
    for (const [name, value] of [...shared, ...preparation(scratch)]) lines.push(`\t\t\t<${name}>${value}</${name}>`);
    lines.push('\t\t\t</ds>');
  }
  lines.push('\t\t</cdp_prep>', '\t\t<database>\n');
  return lines.join('\n');
}

type Fields = [name: string, value: string][];

/** The parameters of an archive, and how a row in the making is told. */
function fieldsOf(archive: RrdArchive): [Fields, (scratch: RrdScratch) => Fields] {
  const { parameters, cf } = archive;
  const [p, d] = [RrdParameter, RrdPreparation];
  const real = (name: string, field: number): [string, string] => [name, rrdUnsignedZero(parameters.double(field))];
  const count = (name: string, field: number): [string, string] => [name, String(parameters.count(field))];
  const dependent = (): [string, string] => count('dependent_rra_idx', p.dependent);
  switch (cf) {
    case 'HWPREDICT':
    case 'MHWPREDICT':
      return [
        [real('hw_alpha', p.alpha), real('hw_beta', p.beta), dependent()],
        (scratch) => [
          ['intercept', rrdUnsignedZero(scratch.double(d.intercept))],
          ['last_intercept', rrdUnsignedZero(scratch.double(d.lastIntercept))],
          ['slope', rrdUnsignedZero(scratch.double(d.slope))],
          ['last_slope', rrdUnsignedZero(scratch.double(d.lastSlope))],
          ['nan_count', String(scratch.count(d.nanCount))],
          ['last_nan_count', String(scratch.count(d.lastNanCount))],
        ],
      ];
    case 'SEASONAL':
    case 'DEVSEASONAL':
      return [
        [
          real('seasonal_gamma', p.gamma),
          count('seasonal_smooth_idx', p.smoothIndex),
          real('smoothing_window', p.smoothingWindow),
          dependent(),
        ],
        (scratch) => [
          ['seasonal', rrdUnsignedZero(scratch.double(d.seasonal))],
          ['last_seasonal', rrdUnsignedZero(scratch.double(d.lastSeasonal))],
          ['init_flag', String(scratch.count(d.initFlag))],
        ],
      ];
    case 'DEVPREDICT':
      return [[dependent()], () => []];
    case 'FAILURES': {
      const windowLength = Math.min(28, parameters.count(p.windowLength));
      return [
        [
          real('delta_pos', p.deltaPositive),
          real('delta_neg', p.deltaNegative),
          count('window_len', p.windowLength),
          count('failure_threshold', p.failureThreshold),
          dependent(),
        ],
        (scratch) => [['history', failureHistory(scratch, windowLength)]],
      ];
    }
    default:
      return [
        [real('xff', p.xff)],
        (scratch) => [
          ['value', rrdUnsignedZero(scratch.double(d.value))],
          ['unknown_datapoints', String(scratch.count(d.unknownPoints))],
        ],
      ];
  }
}

function writeRows(writer: RowWriter, database: RrdDatabase, archive: RrdArchive, first: number, zone: RrdDumpZone): void {
  const width = database.sources.length;
  const values = database.rows(archive, first, rowsAtOnce);
  for (let row = 0; row * width < values.length; row++) {
    const end = archive.firstEnd + (first + row) * archive.step;
    writer.text(`\t\t\t<!-- ${localTime(end, zone)} / ${end} --> <row>`);
    for (let column = row * width; column < (row + 1) * width; column++) {
      writer.reserve(64);
      writer.ascii('<v>');
      writeUnsignedZero(writer, values[column] ?? Number.NaN);
      writer.ascii('</v>');
    }
    writer.text('</row>\n');
  }
}

function localTime(epochSeconds: number, zone: RrdDumpZone): string {
  const { year, month, day, hour, minute, second } = wallTime(zone.clock, epochSeconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}-${two(month + 1)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)} ${zone.name(epochSeconds)}`;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[sign] ?? sign);
}
