/**
 * Groups of flows as a table, CSV or JSON lines: the keys' columns, then flows, packets, bytes, bps, pps, bpp, first, last and the
 * percentages of all flows, made last from whole sums. Reverse sums (packets_rev, bytes_rev) stand behind bytes where there are any and they are
 * not counted together.
 */

import { formatAddress } from '../base/address.js';
import { RowWriter } from '../base/row-writer.js';
import type { FlowGroups, Way } from '../fold/flow-groups.js';
import type { FlowKey } from '../fold/flow-keys.js';

export type Cell = string | number;

/** A list of groups: which, in which order, and how they are counted. */
export interface GroupList {
  readonly groups: FlowGroups;
  readonly order: Uint32Array;
  readonly way: Way;
  /** Times as epoch seconds. */
  readonly isEpoch: boolean;
  /** Whether percentages are of both directions. */
  readonly isOfBoth: boolean;
}

// A biflow is a flow record of two sides: its columns have the names that a record's have.
const recordNames: Readonly<Record<string, string>> = { srcip: 'src', dstip: 'dst', srcport: 'sport', dstport: 'dport' };

/** Names of the columns, in order. */
export function groupColumns(groups: FlowGroups, hasReverse: boolean): string[] {
  return [
    ...groups.keys.map(({ name }) => (groups.isBidirectional ? (recordNames[name] ?? name) : name)),
    ...['flows', 'packets', 'bytes'],
    ...(hasReverse ? ['packets_rev', 'bytes_rev'] : []),
    ...['bps', 'pps', 'bpp', 'first', 'last', 'flows_percent', 'packets_percent', 'bytes_percent'],
  ];
}

/** The cells of a group, in the order of `groupColumns`. */
export function groupCells({ groups, way, isEpoch, isOfBoth }: GroupList, group: number, hasReverse: boolean): Cell[] {
  const { table, total } = groups;
  const cells: Cell[] = [];
  let word = 0;
  for (const key of groups.keys) {
    cells.push(keyCell(groups, group, key, word));
    word += key.words;
  }
  const [flows, packets, octets] = [table.flows(group), groups.packets(group, way), groups.bytes(group, way)];
  cells.push(flows, packets, octets);
  if (hasReverse) cells.push(table.packetsRev(group), table.bytesRev(group));
  for (const name of ['bps', 'pps', 'bpp'] as const) cells.push(groups.figure(name, group, way));
  cells.push(timeText(table.firstNs(group), isEpoch));
  cells.push(timeText(table.lastNs(group), isEpoch));
  const [allPackets, allBytes] = isOfBoth ? [total.packets + total.packetsRev, total.bytes + total.bytesRev] : [total.packets, total.bytes];
  cells.push(percent(flows, total.flows), percent(packets, allPackets), percent(octets, allBytes));
  return cells;
}

function keyCell({ table }: FlowGroups, group: number, { kind, sides }: FlowKey, word: number): Cell {
  if (kind === 'address') return addressText(table.keyBytes(group, word, 16), 0, sides[0] === 'src' || sides[0] === 'dst');
  if (kind !== 'mac') return table.key(group, word);
  const digits = (table.key(group, word) * 2 ** 32 + table.key(group, word + 1)).toString(16).padStart(12, '0');
  return digits.replace(/..(?=.)/g, '$&:');
}

/** Whether any group of a list holds a reverse direction. */
export function hasReverse({ groups, way, order }: GroupList): boolean {
  if (way === 'both') return false;
  if (groups.isBidirectional) return true;
  const { table } = groups;
  for (const group of order) if (table.packetsRev(group) > 0) return true;
  return false;
}

/** CSV with a header. */
export function* groupCsv(list: GroupList): Generator<Buffer> {
  const reverse = hasReverse(list);
  yield Buffer.from(`${groupColumns(list.groups, reverse).join(',')}\n`);
  yield* chunks(list.order, (group) => `${groupCells(list, group, reverse).join(',')}\n`);
}

/** JSON, an object a line. Times are texts, or with `isEpoch` numbers with their decimals. */
export function* groupJson(list: GroupList): Generator<Buffer> {
  const reverse = hasReverse(list);
  const names = groupColumns(list.groups, reverse);
  yield* chunks(list.order, (group) => {
    const cells = groupCells(list, group, reverse);
    const parts = names.map((name, index) => {
      const isNumber = list.isEpoch && (name === 'first' || name === 'last');
      return `${JSON.stringify(name)}:${isNumber ? cells[index] : JSON.stringify(cells[index])}`;
    });
    return `{${parts.join(',')}}\n`;
  });
}

/** A table for people, its columns as wide as their widest cell. */
export function* groupTable(list: GroupList): Generator<Buffer> {
  const reverse = hasReverse(list);
  const names = groupColumns(list.groups, reverse).map((name) => name.replace('_percent', ' %').replace('_', ' '));
  const rows: string[][] = [names];
  for (const group of list.order) rows.push(groupCells(list, group, reverse).map((cell, index) => tableCell(cell, names[index] ?? '')));
  yield Buffer.from(alignedTable(rows));
}

/** Rows of texts as lines, each column as wide as its widest cell, right-aligned but for the first of a row of words. */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0));
  return rows.map((row) => `${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')}\n`).join('');
}

function tableCell(cell: Cell, name: string): string {
  return name.endsWith('%') ? Number(cell).toFixed(1) : String(cell);
}

function* chunks(order: Uint32Array, line: (group: number) => string): Generator<Buffer> {
  let text = '';
  for (const group of order) {
    text += line(group);
    if (text.length > 1 << 18) {
      yield Buffer.from(text);
      text = '';
    }
  }
  yield Buffer.from(text);
}

/** Percent of a whole with two decimals; 0 of nothing. */
function percent(part: number, whole: number): number {
  return whole > 0 ? Math.round((part / whole) * 10_000) / 100 : 0;
}

/** All zero is `::` at a flow's end, and unknown elsewhere. */
function addressText(bytes: Uint8Array, offset: number, isEnd: boolean): string {
  let low = 0;
  for (let index = 0; index < 10; index++) low |= bytes[offset + index] ?? 0;
  const isMapped = low === 0 && bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
  if (isMapped) return formatAddress(bytes, offset, 4);
  for (let index = 10; index < 16; index++) low |= bytes[offset + index] ?? 0;
  return low === 0 && !isEnd ? '' : formatAddress(bytes, offset, 6);
}

const times = new RowWriter(64);

function timeText(ns: bigint, isEpoch: boolean): string {
  const [seconds, nanos] = [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
  if (isEpoch) times.epoch(seconds, nanos);
  else times.time(seconds, nanos);
  return times.take().toString('latin1');
}
