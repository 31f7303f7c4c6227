/**
 * Flow records as a table for people, in the manner of nfdump's line format: a flow a line, fixed columns so that it can be streamed,
 * ports behind the addresses, flags as letters. What the columns do not hold is in the CSV and JSON forms.
 */

import { formatAddress } from '../base/address.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { RowWriter } from '../base/row-writer.js';
import type { FlowRows } from './flow-rows.js';

const columns = [
  ['first', -24],
  ['duration', 12],
  ['proto', -6],
  ['source', 24],
  ['', 2],
  ['destination', -24],
  ['flags', 8],
  ['tos', 3],
  ['packets', 10],
  ['bytes', 12],
  ['bps', 10],
  ['bpp', 6],
] as const;
const names: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMP6',
  132: 'SCTP',
};

/** A table, a line a flow. */
export function tableRows(isEpoch: boolean): FlowRows {
  const times = new RowWriter(64);
  return {
    head: () => Buffer.from(line(columns.map(([name]) => name))),
    rows: (batch) => {
      const lines: string[] = [];
      for (let row = 0; row < batch.count; row++) lines.push(line(cells(batch, row, isEpoch, times)));
      return Buffer.from(lines.join(''));
    },
    tail: () => new Uint8Array(0),
  };
}

function line(texts: readonly string[]): string {
  const padded = texts.map((text, index) => {
    const width = columns[index]?.[1] ?? 0;
    return width < 0 ? text.padEnd(-width) : text.padStart(width);
  });
  return `${padded.join(' ')}\n`;
}

function cells(batch: FlowBatch, row: number, isEpoch: boolean, times: RowWriter): string[] {
  const [seconds, nanos] = [batch.firstSeconds[row] ?? 0, batch.firstNanos[row] ?? 0];
  if (isEpoch) times.epoch(seconds, nanos);
  else times.time(seconds, nanos);
  const first = times.take().toString('latin1');
  const lastMs = (batch.lastSeconds[row] ?? 0) * 1000 + Math.floor((batch.lastNanos[row] ?? 0) / 1e6);
  const durationMs = Math.max(0, lastMs - seconds * 1000 - Math.floor(nanos / 1e6));
  const [proto, family, packets, bytes] = [batch.proto[row] ?? 0, batch.family[row] ?? 0, batch.packets[row] ?? 0, batch.bytes[row] ?? 0];
  const dport = batch.dport[row] ?? 0;
  const isIcmp = proto === 1 || proto === 58;
  return [
    first,
    (durationMs / 1000).toFixed(3),
    names[proto] ?? String(proto),
    endpoint(batch.src, row, family, String(batch.sport[row] ?? 0)),
    '->',
    endpoint(batch.dst, row, family, isIcmp ? `${dport >> 8}.${dport & 255}` : String(dport)),
    flagsText(batch.flags[row] ?? 0),
    String(batch.tos[row] ?? 0),
    String(packets),
    String(bytes),
    String(durationMs > 0 ? Math.floor((8 * bytes) / (durationMs / 1000)) : 0),
    String(packets > 0 ? Math.floor(bytes / packets) : 0),
  ];
}

function endpoint(column: Uint8Array, row: number, family: number, port: string): string {
  const address = formatAddress(column, row * 16, family);
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** CWR, ECE, URG, ACK, PSH, RST, SYN, FIN; a dot for each that is not set. */
function flagsText(flags: number): string {
  return [...'CEUAPRSF'].map((letter, index) => ((flags & (0x80 >> index)) !== 0 ? letter : '.')).join('');
}
