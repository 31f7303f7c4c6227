/**
 * The second gate: rows that are readable but from which no packets can be made. They are rejected by cause, or with `fit` made possible and
 * listed as adjusted; what is merely unusual is warned of. Never alters a total in silence.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { recordAt, recordBytes } from './layout.js';
import { bodyFits, leastBytes } from './template.js';

/** Called for each record that is rejected, adjusted or warned of. */
export interface GateListener {
  readonly reject: (cause: string, number: number, batch: FlowBatch, row: number) => void;
  readonly adjust: (cause: string, number: number) => void;
  readonly warn: (cause: string, number: number) => void;
}

const packetsMax = 0xffffffff;
const layer3BytesMax = 65535;
const largeBytes = 1500;
const ack = 16;

/**
 * Writes the feasible sides of row `row` as records (layout.ts) at `at`; returns how many bytes were written (0, 80 or 160).
 * A biflow's sides are judged one by one: a side without packets and bytes is none, unless it is the only one.
 */
export function gateRow(
  batch: FlowBatch,
  row: number,
  view: DataView,
  bytes: Uint8Array,
  at: number,
  fit: boolean,
  listener: GateListener,
): number {
  const reversePackets = batch.packetsRev?.[row] ?? 0;
  const reverseBytes = batch.bytesRev?.[row] ?? 0;
  const hasReverse = reversePackets > 0 || reverseBytes > 0;
  let written = 0;
  if (!hasReverse || batch.packets[row]! > 0 || batch.bytes[row]! > 0) {
    written += gateSide(batch, row, 0, batch.packets[row]!, batch.bytes[row]!, batch.flags[row]!, view, bytes, at, fit, listener);
  }
  if (hasReverse) {
    const flags = batch.flagsRev?.[row] ?? 0;
    written += gateSide(batch, row, 1, reversePackets, reverseBytes, flags, view, bytes, at + written, fit, listener);
  }
  return written;
}

function gateSide(
  batch: FlowBatch,
  row: number,
  side: 0 | 1,
  packetsGiven: number,
  bytesGiven: number,
  flagsGiven: number,
  view: DataView,
  bytes: Uint8Array,
  at: number,
  fit: boolean,
  listener: GateListener,
): number {
  const number = batch.number[row]!;
  const family = batch.family[row]!;
  const proto = batch.proto[row]!;
  let [packets, total, flags] = [packetsGiven, bytesGiven, flagsGiven];
  let lastSeconds = batch.lastSeconds[row]!;
  let lastNanos = batch.lastNanos[row]!;
  const firstSeconds = batch.firstSeconds[row]!;
  const firstNanos = batch.firstNanos[row]!;
  const isBackwards = lastSeconds < firstSeconds || (lastSeconds === firstSeconds && lastNanos < firstNanos);
  const least = leastBytes(family, proto);
  if (family !== 4 && family !== 6) return refuse('address');
  if (isBackwards || packets === 0 || total < packets * least || total > packets * layer3BytesMax) {
    if (!fit) {
      if (isBackwards) return refuse('negative-duration');
      if (packets === 0) return refuse('no-packets');
      return refuse(total < packets * least ? 'too-few-bytes' : packets > packetsMax ? 'too-many-packets' : 'too-many-bytes');
    }
    if (isBackwards) [lastSeconds, lastNanos] = [firstSeconds, firstNanos];
    if (packets === 0) packets = 1;
    if (total < packets * least) total = packets * least;
    if (total > packets * layer3BytesMax) packets = Math.ceil(total / layer3BytesMax);
    listener.adjust('fit', number);
  }
  if (packets > packetsMax) return refuse('too-many-packets');
  if (proto === 6) {
    if (flags === 0) {
      flags = ack;
      listener.adjust('no-flags', number);
    }
    if (packets > 1 && (flags === 2 || flags === 18)) listener.warn('handshake-repeat', number);
  }
  if (total > packets * largeBytes) listener.warn('large-packets', number);
  const smallest = Math.floor(total / packets);
  const dport = side === 0 || isTyped(proto) ? batch.dport[row]! : batch.sport[row]!;
  const sport = side === 0 ? batch.sport[row]! : isTyped(proto) ? 0 : batch.dport[row]!;
  const typed = side === 1 && isTyped(proto) ? replyType(proto, dport) : dport;
  if (proto !== 6 && proto !== 17 && !bodyFits(family, proto, typed, smallest, Math.ceil(total / packets))) listener.warn('body', number);
  view.setUint32(at + recordAt.firstSeconds, firstSeconds, true);
  view.setUint32(at + recordAt.firstNanos, firstNanos, true);
  view.setUint32(at + recordAt.lastSeconds, lastSeconds, true);
  view.setUint32(at + recordAt.lastNanos, lastNanos, true);
  view.setFloat64(at + recordAt.number, number, true);
  view.setUint32(at + recordAt.packets, packets, true);
  bytes[at + recordAt.family] = family;
  bytes[at + recordAt.proto] = proto;
  bytes[at + recordAt.flags] = flags;
  bytes[at + recordAt.tos] = batch.tos[row]!;
  view.setFloat64(at + recordAt.bytes, total, true);
  view.setUint16(at + recordAt.sport, sport, true);
  view.setUint16(at + recordAt.dport, typed, true);
  view.setUint32(at + recordAt.side, side, true);
  const [from, to] = side === 0 ? [batch.src, batch.dst] : [batch.dst, batch.src];
  for (let index = 0; index < 16; index++) {
    bytes[at + recordAt.src + index] = from[row * 16 + index]!;
    bytes[at + recordAt.dst + index] = to[row * 16 + index]!;
  }
  return recordBytes;

  function refuse(cause: string): number {
    listener.reject(cause, number, batch, row);
    return 0;
  }
}

/** Protocols whose destination port is type and code. */
function isTyped(proto: number): boolean {
  return proto === 1 || proto === 58 || proto === 2;
}

/** The answer to an echo request is an echo reply; other messages go back as they came. */
function replyType(proto: number, dport: number): number {
  if (proto === 1 && dport >> 8 === 8) return 0;
  if (proto === 58 && dport >> 8 === 128) return 129 << 8;
  return dport;
}
