/**
 * Flow records by a format string of nfdump: `fmt:%ts %td %pr %sap -> %dap %pkt %byt`. Widths, scaled counts (`2.2 M`) and condensed IPv6 addresses are
 * nfdump's; `plain` is its -N (whole numbers, protocol numbers), `long` its -6 (IPv6 in full). No header and no summary are printed, as with -q.
 * Left otherwise: a flow that ends before it begins has a negative duration, where nfdump's wraps. Source: nfdump(1), OUTPUT FORMATS.
 */

import { formatAddress } from '../base/address.js';
import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { ZoneCalendar } from '../fold/period.js';
import type { FlowRows } from './flow-rows.js';
import { columnElements } from './fmt-columns.js';
import { protocolName } from './protocol-text.js';

export interface FmtOptions {
  readonly plain: boolean;
  readonly long: boolean;
  readonly zone: string;
}

interface Context extends FmtOptions {
  readonly offsetMs: (atMs: number) => number;
}

type Token = (batch: FlowBatch, row: number, context: Context) => string;

const named: Readonly<Record<string, string>> = {
  line: '%ts %td %pr %sap -> %dap %pkt %byt %fl',
  long: '%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %fl',
  extended: '%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %pps %bps %bpp %fl',
  biline: '%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl',
  bilong: '%ts %td %pr %sap <-> %dap %flg %tos %opkt %ipkt %obyt %ibyt %fl',
};

const tokens: Readonly<Record<string, Token>> = {
  ts: (batch, row, context) => timeText(firstMs(batch, row), context),
  tfs: (batch, row, context) => timeText(firstMs(batch, row), context),
  te: (batch, row, context) => timeText(lastMs(batch, row), context),
  tsr: (batch, row) => (firstMs(batch, row) / 1000).toFixed(3),
  ter: (batch, row) => (lastMs(batch, row) / 1000).toFixed(3),
  td: (batch, row, { plain }) => durationText(lastMs(batch, row) - firstMs(batch, row), plain).padStart(16),
  pr: (batch, row, { plain }) => (plain ? String(batch.proto[row]) : protocolName(batch.proto[row] as number)).padEnd(5),
  sa: (batch, row, { long }) => addressText(batch.src, row, batch.family[row] as number, long),
  da: (batch, row, { long }) => addressText(batch.dst, row, batch.family[row] as number, long),
  sap: (batch, row, { long }) =>
    addressText(batch.src, row, batch.family[row] as number, long) + mark(batch, row) + String(batch.sport[row]).padEnd(5),
  dap: (batch, row, { long }) =>
    addressText(batch.dst, row, batch.family[row] as number, long) + mark(batch, row) + portText(batch, row).padEnd(5),
  sn: (batch, row, { long }) => network(batch, batch.src, row, batch.srcMask?.[row] ?? 0, long),
  dn: (batch, row, { long }) => network(batch, batch.dst, row, batch.dstMask?.[row] ?? 0, long),
  sp: (batch, row) => wide(batch.sport[row] as number, 6),
  dp: (batch, row) => portText(batch, row).padStart(6),
  it: (batch, row) => wide(isTyped(batch, row) ? (batch.dport[row] as number) >> 8 : 0, 6),
  ic: (batch, row) => wide(isTyped(batch, row) ? (batch.dport[row] as number) & 255 : 0, 6),
  nh: (batch, row, { long }) => optionalAddress(batch.nextHop, row, long),
  ra: (batch, row, { long }) => optionalAddress(batch.exporter, row, long),
  sas: (batch, row) => wide(batch.srcAs[row] as number, 6),
  das: (batch, row) => wide(batch.dstAs[row] as number, 6),
  in: (batch, row) => wide(batch.inIf[row] as number, 6),
  out: (batch, row) => wide(batch.outIf[row] as number, 6),
  pkt: (batch, row, { plain }) => scaled(batch.packets[row] as number, plain),
  ipkt: (batch, row, { plain }) => scaled(batch.packets[row] as number, plain),
  opkt: (batch, row, { plain }) => scaled(batch.packetsRev?.[row] ?? 0, plain),
  byt: (batch, row, { plain }) => scaled(batch.bytes[row] as number, plain),
  ibyt: (batch, row, { plain }) => scaled(batch.bytes[row] as number, plain),
  obyt: (batch, row, { plain }) => scaled(batch.bytesRev?.[row] ?? 0, plain),
  fl: () => wide(1, 5),
  flg: (batch, row) => flagsText(batch.proto[row] === 6 ? (batch.flags[row] as number) : 0),
  tos: (batch, row) => wide(batch.tos[row] as number, 3),
  stos: (batch, row) => wide(batch.tos[row] as number, 4),
  bps: (batch, row, { plain }) => scaled(rate((batch.bytes[row] as number) * 8, batch, row), plain),
  pps: (batch, row, { plain }) => scaled(rate(batch.packets[row] as number, batch, row), plain),
  bpp: (batch, row) => wide(batch.packets[row] === 0 ? 0 : Math.floor((batch.bytes[row] as number) / (batch.packets[row] as number)), 6),
  cnt: (batch, row) => wide(batch.number[row] as number, 5),
  tr: (batch, row, context) => timeText(batch.received?.[row] ?? 0, context),
  nhb: (batch, row, { long }) => optionalAddress(batch.bgpNextHop, row, long),
  xsa: (batch, row, { long }) => optionalAddress(batch.natSrc, row, long),
  xda: (batch, row, { long }) => optionalAddress(batch.natDst, row, long),
  nsa: (batch, row, { long }) => optionalAddress(batch.natSrc, row, long),
  nda: (batch, row, { long }) => optionalAddress(batch.natDst, row, long),
  xsap: (batch, row, { long }) => translated(batch.natSrc, batch.natSport, row, long),
  xdap: (batch, row, { long }) => translated(batch.natDst, batch.natDport, row, long),
  nsap: (batch, row, { long }) => translated(batch.natSrc, batch.natSport, row, long),
  ndap: (batch, row, { long }) => translated(batch.natDst, batch.natDport, row, long),
  ...columnElements,
  n: () => '\n',
};

// A mask of 0 is none: nfdump shows the whole address then, of IPv6 its first half.
function network({ family }: FlowBatch, addresses: Uint8Array, row: number, mask: number, long: boolean): string {
  const masked = addresses.slice(row * 16, row * 16 + 16);
  const from = family[row] === 4 ? (mask === 0 ? 128 : mask + 96) : mask === 0 ? 64 : mask;
  for (let bit = from; bit < 128; bit++) masked[bit >> 3] = (masked[bit >> 3] as number) & ~(128 >> (bit & 7));
  return `${addressText(masked, 0, family[row] as number, long)}/${String(mask).padEnd(2)}`;
}

/** Rows by the format, without its `fmt:`. Throws Usage for an element that is not known, naming those that are. */
export function fmtRows(format: string, options: FmtOptions): FlowRows {
  const parts = compile(format);
  const calendar = new ZoneCalendar(options.zone);
  let heldHour = Number.NaN;
  let heldOffset = 0;
  // Offsets change on a quarter of an hour, seldom.
  const offsetMs = (atMs: number): number => {
    const quarter = Math.floor(atMs / 900_000);
    if (quarter !== heldHour) {
      heldHour = quarter;
      heldOffset = calendar.offsetMs(atMs);
    }
    return heldOffset;
  };
  const context: Context = { ...options, offsetMs };
  return {
    head: () => new Uint8Array(0),
    rows: (batch) => {
      let text = '';
      for (let row = 0; row < batch.count; row++) {
        for (const part of parts) text += typeof part === 'string' ? part : part(batch, row, context);
        text += '\n';
      }
      return Buffer.from(text);
    },
    tail: () => new Uint8Array(0),
  };
}

function compile(format: string): (string | Token)[] {
  const parts: (string | Token)[] = [];
  for (let at = 0; at < format.length; ) {
    if (format[at] !== '%') {
      const next = format.indexOf('%', at);
      parts.push(format.slice(at, next < 0 ? undefined : next));
      at = next < 0 ? format.length : next;
      continue;
    }
    const letters = /^[a-z]+[0-9]*/.exec(format.slice(at + 1))?.[0] ?? '';
    // The longest name that is one: %sap is not %sa and a p.
    let size = letters.length;
    while (size > 0 && !Object.hasOwn(tokens, letters.slice(0, size)) && !Object.hasOwn(named, letters.slice(0, size))) size -= 1;
    const name = letters.slice(0, size);
    if (size === 0) {
      const known = [...Object.keys(tokens), ...Object.keys(named)].map((one) => `%${one}`).join(' ');
      throw new Usage(`--format fmt: no element at '${format.slice(at, at + 8)}' (expected one of ${known})`);
    }
    if (Object.hasOwn(named, name)) parts.push(...compile(named[name] ?? ''));
    else parts.push(tokens[name] as Token);
    at += 1 + size;
  }
  return parts;
}

function wide(value: number, width: number): string {
  return String(value).padStart(width);
}

function scaled(value: number, plain: boolean): string {
  if (!plain) {
    for (const [unit, letter] of [
      [1e12, 'T'],
      [1e9, 'G'],
      [1e6, 'M'],
    ] as const) {
      if (value >= unit) return `${(value / unit).toFixed(1)} ${letter}`.padStart(8);
    }
  }
  return String(value).padStart(8);
}

function firstMs(batch: FlowBatch, row: number): number {
  return (batch.firstSeconds[row] as number) * 1000 + Math.floor((batch.firstNanos[row] as number) / 1e6);
}

function lastMs(batch: FlowBatch, row: number): number {
  return (batch.lastSeconds[row] as number) * 1000 + Math.floor((batch.lastNanos[row] as number) / 1e6);
}

function rate(amount: number, batch: FlowBatch, row: number): number {
  const ms = lastMs(batch, row) - firstMs(batch, row);
  return ms <= 0 ? 0 : Math.floor((amount * 1000) / ms);
}

function timeText(atMs: number, { offsetMs }: Context): string {
  return new Date(atMs + offsetMs(atMs)).toISOString().slice(0, 23).replace('T', ' ');
}

function durationText(ms: number, plain: boolean): string {
  if (plain) return (ms / 1000).toFixed(3);
  const size = Math.abs(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(size / 86_400_000);
  const clock = `${two(Math.floor(size / 3_600_000) % 24)}:${two(Math.floor(size / 60_000) % 60)}:${two(Math.floor(size / 1000) % 60)}.${String(size % 1000).padStart(3, '0')}`;
  return `${ms < 0 ? '-' : ''}${days > 0 ? `${days}d ` : ''}${clock}`;
}

function addressText(column: Uint8Array, row: number, family: number, long: boolean): string {
  const text = family === 0 ? '0.0.0.0' : formatAddress(column, row * 16, family);
  if (long) return text.padStart(39);
  return (text.length > 16 ? `${text.slice(0, 7)}..${text.slice(-7)}` : text).padStart(16);
}

function optionalAddress(column: Uint8Array | undefined, row: number, long: boolean): string {
  const bytes = column?.subarray(row * 16, row * 16 + 16);
  if (bytes === undefined || bytes.every((byte) => byte === 0)) return addressText(new Uint8Array(16), 0, 0, long);
  const isFour = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return addressText(bytes, 0, isFour ? 4 : 6, long);
}

function translated(column: Uint8Array | undefined, port: Uint16Array | undefined, row: number, long: boolean): string {
  return `${optionalAddress(column, row, long)}:${String(port?.[row] ?? 0).padEnd(5)}`;
}

function mark(batch: FlowBatch, row: number): string {
  return batch.family[row] === 6 ? '.' : ':';
}

function isTyped(batch: FlowBatch, row: number): boolean {
  return batch.proto[row] === 1 || batch.proto[row] === 58;
}

function portText(batch: FlowBatch, row: number): string {
  const port = batch.dport[row] as number;
  return isTyped(batch, row) ? `${port >> 8}.${port & 255}` : String(port);
}

function flagsText(flags: number): string {
  return [...'CEUAPRSF'].map((letter, index) => ((flags & (128 >> index)) !== 0 ? letter : '.')).join('');
}
