/**
 * What `rrdtool xport` prints, as XML or JSON, byte for byte but for legends: those are escaped here, so that the document stays well formed.
 * Source: rrdxport(1), "OUTPUT FORMAT", and the program beside it.
 */

import { RowWriter } from '../base/row-writer.js';
import type { XportTable } from '../query/xport.js';
import { writeUnsignedZero } from './rrd-info.js';

export interface XportForm {
  readonly json: boolean;
  /** A time in every row. */
  readonly showTime: boolean;
  /** XML tags with the number of the column. */
  readonly enumerate: boolean;
}

const pieceBytes = 1 << 16;

/** The document in pieces of bounded size. */
export function* xportText(table: XportTable, form: XportForm): Generator<Uint8Array> {
  const writer = new RowWriter(pieceBytes + 4096);
  writer.text(form.json ? jsonHead(table) : xmlHead(table));
  const writeRow = form.json ? writeJsonRow : writeXmlRow;
  for (let row = 0; row < table.count; row++) {
    writeRow(writer, table, row, form);
    if (writer.at > pieceBytes) yield writer.take();
  }
  const lastRow = form.json && table.count > 0 ? '\n' : '';
  writer.text(lastRow + (form.json ? '  ]\n}\n' : '  </data>\n</xport>\n'));
  yield writer.take();
}

function xmlHead({ start, end, step, count, legends }: XportTable): string {
  return [
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '',
    '<xport>',
    '  <meta>',
    `    <start>${start + step}</start>`,
    `    <end>${end}</end>`,
    `    <step>${step}</step>`,
    `    <rows>${count}</rows>`,
    `    <columns>${legends.length}</columns>`,
    '    <legend>',
    ...legends.map((legend) => `      <entry>${escapeXml(legend)}</entry>`),
    '    </legend>',
    '  </meta>',
    '  <data>\n',
  ].join('\n');
}

function writeXmlRow(writer: RowWriter, { start, step, columns }: XportTable, row: number, { showTime, enumerate }: XportForm): void {
  writer.reserve(64);
  writer.ascii('    <row>');
  if (showTime) writer.ascii(`<t>${start + (row + 1) * step}</t>`);
  for (let index = 0; index < columns.length; index++) {
    writer.reserve(64);
    writer.ascii(enumerate ? `<v${index}>` : '<v>');
    writeUnsignedZero(writer, columns[index]?.[row] ?? Number.NaN);
    writer.ascii(enumerate ? `</v${index}>` : '</v>');
  }
  writer.reserve(64);
  writer.ascii('</row>\n');
}

function jsonHead({ start, end, step, legends }: XportTable): string {
  return [
    '{ "about": "RRDtool graph JSON output",',
    '  "meta": {',
    `    "start": ${start + step},`,
    `    "end": ${end},`,
    `    "step": ${step},`,
    '    "legend": [',
    `${legends.map((legend) => `      ${JSON.stringify(legend)}`).join(',\n')}`,
    '          ]',
    '     },',
    '  "data": [\n',
  ].join('\n');
}

function writeJsonRow(writer: RowWriter, { start, step, columns }: XportTable, row: number, { showTime }: XportForm): void {
  writer.reserve(64);
  writer.ascii(row === 0 ? '    [ ' : ',\n    [ ');
  if (showTime) writer.ascii(`"${start + (row + 1) * step}",`);
  for (let index = 0; index < columns.length; index++) {
    const value = columns[index]?.[row] ?? Number.NaN;
    writer.reserve(64);
    if (index > 0) writer.ascii(', ');
    if (Number.isFinite(value)) writeUnsignedZero(writer, value);
    else writer.ascii('null');
  }
  writer.reserve(64);
  writer.ascii(' ]');
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[sign] ?? sign);
}
