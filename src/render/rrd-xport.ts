/**
 * What `rrdtool xport` prints, as XML or JSON, byte for byte but for legends: those are escaped here, so that the document stays well formed.
 * Source: rrdxport(1), "OUTPUT FORMAT", and the program beside it.
 */

import type { XportTable } from '../query/xport.js';
import { rrdUnsignedZero } from './rrd-info.js';

export interface XportForm {
  readonly json: boolean;
  /** A time in every row. */
  readonly showTime: boolean;
  /** XML tags with the number of the column. */
  readonly enumerate: boolean;
}

/** The document in pieces of bounded size. */
export function* xportText(table: XportTable, form: XportForm): Generator<string> {
  yield form.json ? jsonHead(table) : xmlHead(table);
  const rowText = form.json ? jsonRow : xmlRow;
  let text = '';
  for (let row = 0; row < table.count; row++) {
    text += rowText(table, row, form);
    if (text.length > 1 << 16) {
      yield text;
      text = '';
    }
  }
  const lastRow = form.json && table.count > 0 ? '\n' : '';
  yield text + lastRow + (form.json ? '  ]\n}\n' : '  </data>\n</xport>\n');
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

function xmlRow({ start, step, columns }: XportTable, row: number, { showTime, enumerate }: XportForm): string {
  const time = showTime ? `<t>${start + (row + 1) * step}</t>` : '';
  const values = columns.map((column, index) => {
    const tag = enumerate ? `v${index}` : 'v';
    return `<${tag}>${rrdUnsignedZero(column[row] ?? Number.NaN)}</${tag}>`;
  });
  return `    <row>${time}${values.join('')}</row>\n`;
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

function jsonRow({ start, step, columns }: XportTable, row: number, { showTime }: XportForm): string {
  const time = showTime ? `"${start + (row + 1) * step}",` : '';
  const values = columns.map((column) => {
    const value = column[row] ?? Number.NaN;
    return Number.isFinite(value) ? rrdUnsignedZero(value) : 'null';
  });
  return `${row === 0 ? '' : ',\n'}    [ ${time}${values.join(', ')} ]`;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[sign] ?? sign);
}
