/**
 * Elements of nfdump's format strings that stand for a column of few formats: MAC addresses, MPLS labels, masks, exporters, events, translated addresses.
 * Each in nfdump's width and words; `fmt-rows.ts` has the others. Source: nfdump(1), OUTPUT FORMATS, and what nfdump 1.7.1 prints.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import type { OptionalColumn } from '../base/flow-columns.js';
import { macText } from './flow-rows.js';

/** Words of NSEL events by their code, and of the extended ones. */
const eventWords = ['INVALID', 'ADD', 'DELETE', 'DENIED', 'ALERT', 'UPDATE'];
const extendedWords: Readonly<Record<number, string>> = { 0: 'Ignore', 1001: 'I-ACL', 1002: 'E-ACL', 1003: 'Adap', 1004: 'No Syn' };

type ColumnText = (batch: FlowBatch, row: number) => string;

const figureOf = (batch: FlowBatch, row: number, name: OptionalColumn): number => batch[name]?.[row] ?? 0;
const number =
  (name: OptionalColumn, width: number): ColumnText =>
  (batch, row) =>
    String(figureOf(batch, row, name)).padStart(width);
const mac =
  (name: OptionalColumn): ColumnText =>
  (batch, row) =>
    macText(figureOf(batch, row, name));
const label =
  (index: number): ColumnText =>
  (batch, row) => {
    const word = batch.mpls?.[row * 10 + index] ?? 0;
    return `${String(word >>> 4).padStart(8)}-${(word >>> 1) & 7}-${word & 1}`;
  };
const latency =
  (name: OptionalColumn): ColumnText =>
  (batch, row) =>
    (figureOf(batch, row, name) / 1000).toFixed(3).padStart(9);
const text =
  (name: string, none: string, width = 0): ColumnText =>
  (batch, row) => {
    const value = batch.extra.get(name)?.[row];
    return (value === undefined || value === '' ? none : String(value)).padStart(width);
  };
const event: ColumnText = (batch, row) => (eventWords[figureOf(batch, row, 'event')] ?? 'UNKNOW').padStart(7);
const labels = Array.from({ length: 10 }, (_, index) => label(index));

/** Elements by their names. */
export const columnElements: Readonly<Record<string, ColumnText>> = {
  ismc: mac('inSrcMac'),
  odmc: mac('outDstMac'),
  idmc: mac('inDstMac'),
  osmc: mac('outSrcMac'),
  ...Object.fromEntries(labels.map((one, index) => [`mpls${index + 1}`, one])),
  mpls: (batch, row) => labels.map((one) => `${one(batch, row)} `).join(''),
  smk: number('srcMask', 5),
  dmk: number('dstMask', 5),
  fwd: number('forwarding', 3),
  nas: (batch, row) => ` ${String(figureOf(batch, row, 'nextAs')).padStart(6)}`,
  pas: (batch, row) => ` ${String(figureOf(batch, row, 'prevAs')).padStart(6)}`,
  dir: (batch, row) => (figureOf(batch, row, 'direction') === 0 ? '  I' : '  E'),
  dtos: number('dstTos', 4),
  exp: number('exporterId', 6),
  eng: (batch, row) => ` ${String(figureOf(batch, row, 'engineType')).padStart(2)}/${String(figureOf(batch, row, 'engineId')).padEnd(3)}`,
  svln: number('vlan', 5),
  dvln: number('dstVlan', 5),
  trr: (batch, row) => (figureOf(batch, row, 'received') / 1000).toFixed(3),
  xsp: number('natSport', 6),
  xdp: number('natDport', 6),
  nsp: number('natSport', 6),
  ndp: number('natDport', 6),
  evt: event,
  nevt: event,
  xevt: (batch, row) => {
    const code = figureOf(batch, row, 'xevent');
    return (extendedWords[code] ?? String(code)).padStart(7);
  },
  nfc: number('connection', 10),
  msec: number('eventTime', 13),
  iacl: (batch, row) =>
    (['ingressAcl', 'ingressAce', 'ingressXace'] as const)
      .map((name) => `0x${figureOf(batch, row, name).toString(16)}`.padEnd(10))
      .join(' '),
  eacl: (batch, row) => (['egressAcl', 'egressAce', 'egressXace'] as const).map((name) => number(name, 10)(batch, row)).join(' '),
  uname: text('user', '<empty>'),
  lbl: text('label', '<none>', 16),
  ivrf: number('ingressVrf', 10),
  evrf: number('egressVrf', 10),
  pbstart: number('blockStart', 7),
  pbend: number('blockEnd', 7),
  pbstep: number('blockStep', 7),
  pbsize: number('blockSize', 7),
  cl: latency('clientLatency'),
  sl: latency('serverLatency'),
  al: latency('appLatency'),
};
