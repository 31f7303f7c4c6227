/**
 * Which column of a CSV with a header holds what: known headers (Weir's own, nfdump 1.6 and 1.7, FlowTest profiles) and the user's `--columns`.
 *
 * A mapping is `first=ts:ms,packets=IN_PKTS`: Weir's names as `flows --format csv` prints them on the left (with `duration` beside), the file's on the
 * right, and for times a unit: s, ms, us, ns of the epoch, or none for RFC 3339 and epoch seconds.
 */

import { Usage } from '../base/faults.js';
import { optionalColumns, optionalNames, type PrintedColumn } from '../base/flow-columns.js';

/** What a field of a row means. */
export type Meaning =
  | 'first'
  | 'last'
  | 'duration'
  | 'src'
  | 'dst'
  | 'sport'
  | 'dport'
  | 'proto'
  | 'flags'
  | 'tos'
  | 'packets'
  | 'bytes'
  | 'in_if'
  | 'out_if'
  | 'src_as'
  | 'dst_as'
  | 'family'
  | PrintedColumn;

/** Unit of a time: how many of it make a second; 0 for RFC 3339 or epoch seconds with decimals. */
export type TimeUnit = 0 | 1 | 1e3 | 1e6 | 1e9;

/** The columns of one file: `at[meaning]` is the index of its field. */
export interface ColumnMap {
  readonly name: string;
  readonly at: ReadonlyMap<Meaning, { readonly index: number; readonly unit: TimeUnit }>;
  readonly fieldCount: number;
}

const meanings: readonly Meaning[] = [
  'first',
  'last',
  'duration',
  'src',
  'dst',
  'sport',
  'dport',
  'proto',
  'flags',
  'tos',
  'packets',
  'bytes',
  'in_if',
  'out_if',
  'src_as',
  'dst_as',
  'family',
  ...optionalNames.map((name) => optionalColumns[name].printed),
];
const units: Readonly<Record<string, TimeUnit>> = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 };

/** Known headers: some columns that make the header one of its kind, and the meaning of each. */
const known: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  readonly columns: Readonly<Record<string, Meaning>>;
  readonly unit: TimeUnit;
}[] = [
  {
    name: 'Weir CSV',
    needs: ['first', 'last', 'src', 'dst', 'packets', 'bytes'],
    columns: Object.fromEntries(meanings.map((meaning) => [meaning, meaning])),
    unit: 0,
  },
  {
    name: 'nfdump CSV',
    needs: ['ts', 'te', 'sa', 'da', 'ipkt', 'ibyt'],
    columns: {
      ts: 'first',
      te: 'last',
      sa: 'src',
      da: 'dst',
      sp: 'sport',
      dp: 'dport',
      pr: 'proto',
      flg: 'flags',
      stos: 'tos',
      ipkt: 'packets',
      ibyt: 'bytes',
      opkt: 'packets_rev',
      obyt: 'bytes_rev',
      in: 'in_if',
      out: 'out_if',
      sas: 'src_as',
      das: 'dst_as',
      nh: 'next_hop',
      nhb: 'bgp_next_hop',
      svln: 'vlan',
      dvln: 'dst_vlan',
      ra: 'exporter',
      fwd: 'forwarding',
      smk: 'src_mask',
      dmk: 'dst_mask',
      dtos: 'dst_tos',
      dir: 'direction',
      ismc: 'in_src_mac',
      odmc: 'out_dst_mac',
      idmc: 'in_dst_mac',
      osmc: 'out_src_mac',
      tr: 'received',
      exid: 'exporter_id',
    },
    unit: 0,
  },
  {
    name: 'nfdump CSV',
    needs: ['firstseen', 'duration', 'srcaddr', 'dstaddr', 'packets', 'bytes'],
    columns: {
      firstseen: 'first',
      duration: 'duration',
      proto: 'proto',
      srcaddr: 'src',
      srcport: 'sport',
      dstaddr: 'dst',
      dstport: 'dport',
      packets: 'packets',
      bytes: 'bytes',
    },
    unit: 0,
  },
  {
    name: 'FlowTest profile',
    needs: ['start_time', 'end_time', 'l3_proto', 'l4_proto', 'packets', 'bytes'],
    columns: {
      start_time: 'first',
      end_time: 'last',
      l3_proto: 'family',
      l4_proto: 'proto',
      src_port: 'sport',
      dst_port: 'dport',
      packets: 'packets',
      bytes: 'bytes',
      packets_rev: 'packets_rev',
      bytes_rev: 'bytes_rev',
      src_ip: 'src',
      dst_ip: 'dst',
    },
    unit: 1e3,
  },
];

/** The map of a header line, or undefined when it is none that is known. Throws Usage where `--columns` names what the header has not. */
export function columnsOf(header: string, mapping: string | undefined): ColumnMap | undefined {
  const names = header
    .trim()
    .split(',')
    .map((name) => name.trim().replace(/^"|"$/g, ''));
  if (mapping !== undefined) return mapped(names, mapping);
  const lower = names.map((name) => name.toLowerCase());
  const format = known.find((candidate) => candidate.needs.every((need) => lower.includes(need)));
  if (format === undefined) return undefined;
  const at = new Map<Meaning, { index: number; unit: TimeUnit }>();
  lower.forEach((name, index) => {
    const meaning = format.columns[name];
    if (meaning !== undefined && !at.has(meaning)) at.set(meaning, { index, unit: format.unit });
  });
  return { name: format.name, at, fieldCount: names.length };
}

function mapped(names: readonly string[], mapping: string): ColumnMap | undefined {
  const at = new Map<Meaning, { index: number; unit: TimeUnit }>();
  for (const part of mapping.split(',')) {
    const [left = '', right = ''] = part.split('=').map((text) => text.trim());
    const [name = '', unitText] = right.split(':');
    const meaning = meanings.find((candidate) => candidate === left);
    if (meaning === undefined) throw new Usage(`--columns '${part}': '${left}' is no column (expected one of ${meanings.join(', ')})`);
    const unit = unitText === undefined || unitText === 'rfc3339' ? 0 : units[unitText];
    if (unit === undefined) throw new Usage(`--columns '${part}': unit '${unitText}' (expected s, ms, us, ns or rfc3339)`);
    const index = names.indexOf(name);
    if (index < 0) return undefined;
    at.set(meaning, { index, unit });
  }
  // Columns that are named as Weir names them need no mapping.
  names.forEach((name, index) => {
    const meaning = meanings.find((candidate) => candidate === name);
    if (meaning !== undefined && !at.has(meaning)) at.set(meaning, { index, unit: 0 });
  });
  const missing = (['first', 'src', 'dst', 'packets', 'bytes'] as const).filter((meaning) => !at.has(meaning));
  if (missing.length > 0) throw new Usage(`--columns: nothing gives ${missing.join(', ')}`);
  return { name: 'CSV', at, fieldCount: names.length };
}
