/**
 * Profiles as people and programs read them: the JSON document of DESIGN section 8 (a line each where there are several), CSV, and a table
 * with bars. Percentages are made here, last, and rounded so that those printed sum to 100 (largest remainders).
 */

import { protocolName } from '../collect/protocol-names.js';
import { type Bins, binEnd, binName, type Histogram, profileUnits } from '../fold/histogram.js';
import type { ProfileCell, ProfileShape } from '../fold/profile.js';

/** What is to be shown. */
export interface ProfileAnswer {
  readonly shape: ProfileShape;
  readonly rejected: ReadonlyMap<string, number>;
  readonly cells: readonly ProfileCell[];
}

/** Shares of counts in percent with so many decimals; they sum to 100, unless there is nothing. */
export function sharesOf(counts: ArrayLike<number>, decimals: number): number[] {
  const list = Array.from(counts);
  const total = list.reduce((sum, count) => sum + count, 0);
  if (total === 0) return list.map(() => 0);
  const units = 100 * 10 ** decimals;
  const exact = list.map((count) => (count / total) * units);
  const floors = exact.map(Math.floor);
  let left = units - floors.reduce((sum, value) => sum + value, 0);
  const order = exact.map((_, index) => index).sort((one, two) => rest(exact, two) - rest(exact, one) || one - two);
  for (const index of order) {
    if (left <= 0) break;
    floors[index] = (floors[index] ?? 0) + 1;
    left -= 1;
  }
  return floors.map((value) => value / 10 ** decimals);
}

function rest(values: readonly number[], index: number): number {
  const value = values[index] ?? 0;
  return value - Math.floor(value);
}

interface Column {
  readonly counts: Float64Array;
  readonly total: number;
  readonly outside: number;
}

function columnOf(values: Float64Array): Column {
  const counts = values.subarray(0, values.length - 1);
  return { counts, total: counts.reduce((sum, value) => sum + value, 0), outside: values.at(-1) ?? 0 };
}

/** JSON: one document, or a line for each file, interval and group. */
export function profileJson({ shape, rejected, cells }: ProfileAnswer): string {
  return cells.map((cell) => `${JSON.stringify(jsonOf(shape, rejected, cell))}\n`).join('');
}

function jsonOf({ bins, group, zone }: ProfileShape, rejected: ReadonlyMap<string, number>, cell: ProfileCell): object {
  const [flows, packets, bytes] = columnsOf(cell.histogram);
  const shares = [flows, packets, bytes].map((column) => sharesOf(column.counts, 2));
  const isOutside = flows.outside > 0 || packets.outside > 0;
  return {
    by: bins.by,
    ...(bins.by === 'duration' ? { unit: 'ms' } : {}),
    ...(cell.file === undefined ? {} : { file: cell.file }),
    ...(cell.startMs === undefined ? {} : { start: new Date(cell.startMs).toISOString(), tz: zone }),
    ...(cell.group === undefined
      ? {}
      : { group: Object.fromEntries(group.map((name, index) => [name, groupValue(cell.group?.[index] ?? '')])) }),
    flows: flows.total,
    packets: packets.total,
    bytes: bytes.total,
    rejected: Object.fromEntries(rejected),
    ...(isOutside ? { outside: { flows: flows.outside, packets: packets.outside, bytes: bytes.outside } } : {}),
    bins: bins.from.map((from, index) => ({
      from,
      to: binEnd(bins, index),
      flows: flows.counts[index],
      packets: packets.counts[index],
      bytes: bytes.counts[index],
      flowsPercent: shares[0]?.[index],
      packetsPercent: shares[1]?.[index],
      bytesPercent: shares[2]?.[index],
    })),
  };
}

function groupValue(text: string): string | number {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function columnsOf({ flows, packets, bytes }: Histogram): [Column, Column, Column] {
  return [columnOf(flows), columnOf(packets), columnOf(bytes)];
}

/** CSV: a row a bin, with a header. */
export function profileCsv({ shape, cells }: ProfileAnswer): string {
  const { bins, group, byFile, per } = shape;
  const keys = [...(byFile ? ['file'] : []), ...(per === undefined ? [] : ['start']), ...group];
  const header = [...keys, 'from', 'to', 'flows', 'packets', 'bytes', 'flows_percent', 'packets_percent', 'bytes_percent'];
  const rows = [header.join(',')];
  for (const cell of cells) {
    const columns = columnsOf(cell.histogram);
    const shares = columns.map((column) => sharesOf(column.counts, 2));
    const start = cell.startMs === undefined ? [] : [new Date(cell.startMs).toISOString()];
    const names = [...(cell.file === undefined ? [] : [csvText(cell.file)]), ...start, ...(cell.group ?? []).map(csvText)];
    bins.from.forEach((from, index) => {
      const counts = columns.map((column) => column.counts[index]);
      rows.push([...names, from, binEnd(bins, index) ?? '', ...counts, ...shares.map((share) => share[index]?.toFixed(2))].join(','));
    });
  }
  return `${rows.join('\n')}\n`;
}

function csvText(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table with a bar for each bin's share of the flows; `width` is that of the terminal. */
export function profileTable({ shape, cells }: ProfileAnswer, width: number): string {
  return cells.map((cell) => tableOf(shape, cell, width)).join('\n');
}

function tableOf(shape: ProfileShape, cell: ProfileCell, width: number): string {
  const { bins } = shape;
  const columns = columnsOf(cell.histogram);
  const shares = columns.map((column) => sharesOf(column.counts, 1));
  const [first, last] = filledRange(bins, columns);
  const head = [profileUnits[bins.by], 'flows', '%', 'packets', '%', 'bytes', '%'];
  const rows: string[][] = [];
  for (let index = first; index <= last; index++) {
    const cells = columns.flatMap((column, place) => [grouped(column.counts[index] ?? 0), (shares[place]?.[index] ?? 0).toFixed(1)]);
    rows.push([binLabel(bins, index), ...cells]);
  }
  const sums = columns.flatMap((column) => [grouped(column.total), column.total === 0 ? '0.0' : '100.0']);
  const all = [head, ...rows, ['all', ...sums]];
  const widths = head.map((_, place) => Math.max(...all.map((row) => row[place]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((text, place) => text.padStart(widths[place] ?? 0)).join('  ');
  const room = Math.max(8, Math.min(40, width - line(head).length - 2));
  const most = Math.max(...(shares[0] ?? []), 0);
  const lines = rows.map((row, place) => `${line(row)}  ${bar((shares[0]?.[first + place] ?? 0) / (most || 1), room)}`.trimEnd());
  const [flows] = columns;
  const outside = flows.outside > 0 ? [`outside the bins: ${grouped(flows.outside)} flows`] : [];
  return `${[...headingOf(shape, cell), line(head), ...lines, line(['all', ...sums]), ...outside].join('\n')}\n`;
}

// Empty bins at both ends are not shown; where all are empty, none is.
function filledRange(bins: Bins, columns: readonly Column[]): [number, number] {
  const isFilled = (index: number): boolean => columns.some((column) => (column.counts[index] ?? 0) > 0);
  let first = 0;
  let last = bins.from.length - 1;
  while (first < last && !isFilled(first)) first += 1;
  while (last >= first && !isFilled(last)) last -= 1;
  return [first, last];
}

/** What a cell is of, in a line, or nothing where there is but one. */
export function headingOf({ group, zone }: ProfileShape, cell: ProfileCell): string[] {
  const parts = [
    ...(cell.file === undefined ? [] : [cell.file]),
    ...(cell.startMs === undefined ? [] : [localTime(cell.startMs, zone)]),
    ...group.map((name, index) => groupName(name, cell.group?.[index] ?? '')),
  ];
  return parts.length === 0 ? [] : [parts.join(', ')];
}

function groupName(name: string, value: string): string {
  const protocol = name === 'proto' ? protocolName(Number(value)) : value;
  return protocol === value ? `${name} ${value}` : `${name} ${value} (${protocol})`;
}

function localTime(atMs: number, zone: string): string {
  const text = new Date(atMs).toLocaleString('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  return `${text} ${zone}`;
}

/** How a bin is named in tables and charts. */
export function binLabel(bins: Bins, index: number): string {
  return binName(bins.from[index] ?? 0, binEnd(bins, index));
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function bar(share: number, room: number): string {
  const parts = Math.round(share * room * 8);
  return '█'.repeat(Math.floor(parts / 8)) + (eighths[parts % 8] ?? '');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
