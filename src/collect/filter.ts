/**
 * A filter compiled to a function over columns: each node of the tree fills a mask, a byte a row, and `and`, `or`, `not` combine masks.
 * The loops are flat and over typed arrays, so that a scan costs a few nanoseconds a row and condition.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { type Comparator, type FilterNode, type Network, parseFilter, type Side } from './filter-tree.js';

/** Lists the rows that pass in `keep` (at least `batch.count` long) and returns how many they are. */
export type Filter = (batch: FlowBatch, keep: Uint32Array) => number;

type Mask = Uint8Array;
type Condition = (batch: FlowBatch, out: Mask) => void;

/** Compiles a filter in nfdump's language; throws Malformed with the column of what is wrong. */
export function compileFilter(text: string): Filter {
  const condition = compile(parseFilter(text));
  let mask = new Uint8Array(0);
  return (batch, keep) => {
    if (mask.length < batch.count) mask = new Uint8Array(batch.capacity);
    condition(batch, mask);
    let kept = 0;
    for (let row = 0; row < batch.count; row++) if (mask[row] !== 0) keep[kept++] = row;
    return kept;
  };
}

function compile(node: FilterNode): Condition {
  switch (node.is) {
    case 'all':
      return (batch, out) => void out.fill(1, 0, batch.count);
    case 'and':
    case 'or':
      return both(compile(node.left), compile(node.right), node.is);
    case 'not':
      return negate(compile(node.of));
    case 'family':
      return oneOf((batch) => batch.family, [node.family]);
    case 'proto':
      return oneOf((batch) => batch.proto, node.numbers);
    case 'flags':
      return flags(node.mask, node.exact);
    case 'address':
      return anyOf(node.networks.map((network) => address(node.side, network)));
    case 'port':
      return sided(node.side, (side) => compareEach((batch) => (side === 'src' ? batch.sport : batch.dport), node.comparator, node.values));
    case 'as':
      return sided(node.side, (side) => compareEach((batch) => (side === 'src' ? batch.srcAs : batch.dstAs), node.comparator, node.values));
    case 'interface':
      return sided(node.side, (side) => compareEach((batch) => (side === 'src' ? batch.inIf : batch.outIf), node.comparator, node.values));
    case 'number':
      return numeric(node.field, node.comparator, node.value);
  }
}

function both(left: Condition, right: Condition, kind: 'and' | 'or'): Condition {
  let other = new Uint8Array(0);
  return (batch, out) => {
    if (other.length < batch.count) other = new Uint8Array(batch.capacity);
    left(batch, out);
    right(batch, other);
    if (kind === 'and') for (let row = 0; row < batch.count; row++) out[row] = out[row]! & other[row]!;
    else for (let row = 0; row < batch.count; row++) out[row] = out[row]! | other[row]!;
  };
}

function negate(of: Condition): Condition {
  return (batch, out) => {
    of(batch, out);
    for (let row = 0; row < batch.count; row++) out[row] = out[row]! ^ 1;
  };
}

function anyOf(conditions: readonly Condition[]): Condition {
  return conditions.reduce((left, right) => both(left, right, 'or'));
}

function sided(side: Side, of: (side: 'src' | 'dst') => Condition): Condition {
  if (side === 'src' || side === 'dst') return of(side);
  return both(of('src'), of('dst'), side === 'any' ? 'or' : 'and');
}

/** A column of bytes that is one of few values: by a table. */
function oneOf(column: (batch: FlowBatch) => Uint8Array, values: readonly number[]): Condition {
  const table = new Uint8Array(256);
  for (const value of values) table[value] = 1;
  return (batch, out) => {
    const from = column(batch);
    for (let row = 0; row < batch.count; row++) out[row] = table[from[row]!]!;
  };
}

/** nfdump asks for the flags of TCP flows only: all of the mask are set; `exact`: these and no other. */
function flags(mask: number, exact: boolean): Condition {
  return (batch, out) => {
    const { flags: from, proto } = batch;
    if (exact) for (let row = 0; row < batch.count; row++) out[row] = proto[row] === 6 && from[row] === mask ? 1 : 0;
    else for (let row = 0; row < batch.count; row++) out[row] = proto[row] === 6 && (from[row]! & mask) === mask ? 1 : 0;
  };
}

type NumberColumn = Uint8Array | Uint16Array | Uint32Array | Float64Array;

function compareEach(column: (batch: FlowBatch) => NumberColumn, comparator: Comparator, values: readonly number[]): Condition {
  if (values.length > 4 && comparator === '=') {
    const set = new Set(values);
    return (batch, out) => {
      const from = column(batch);
      for (let row = 0; row < batch.count; row++) out[row] = set.has(from[row]!) ? 1 : 0;
    };
  }
  return anyOf(values.map((value) => (batch, out) => compare(column(batch), batch.count, comparator, value, out)));
}

function compare(from: ArrayLike<number>, count: number, comparator: Comparator, value: number, out: Mask): void {
  if (comparator === '=') for (let row = 0; row < count; row++) out[row] = from[row] === value ? 1 : 0;
  else if (comparator === '>') for (let row = 0; row < count; row++) out[row] = from[row]! > value ? 1 : 0;
  else if (comparator === '<') for (let row = 0; row < count; row++) out[row] = from[row]! < value ? 1 : 0;
  else if (comparator === '>=') for (let row = 0; row < count; row++) out[row] = from[row]! >= value ? 1 : 0;
  else for (let row = 0; row < count; row++) out[row] = from[row]! <= value ? 1 : 0;
}

function numeric(field: string, comparator: Comparator, value: number): Condition {
  let made = new Float64Array(0);
  return (batch, out) => {
    if (field === 'packets') return compare(batch.packets, batch.count, comparator, value, out);
    if (field === 'bytes') return compare(batch.bytes, batch.count, comparator, value, out);
    if (field === 'tos') return compare(batch.tos, batch.count, comparator, value, out);
    if (made.length < batch.count) made = new Float64Array(batch.capacity);
    fillDerived(field, batch, made);
    compare(made, batch.count, comparator, value, out);
    if (field === 'icmp-type' || field === 'icmp-code') {
      for (let row = 0; row < batch.count; row++) if (batch.proto[row] !== 1 && batch.proto[row] !== 58) out[row] = 0;
    }
  };
}

/** Figures that no column holds: whole numbers as nfdump compares them, rates over the duration in ms (0 for a flow of no length). */
function fillDerived(field: string, batch: FlowBatch, out: Float64Array): void {
  const { firstSeconds, firstNanos, lastSeconds, lastNanos, packets, bytes, count } = batch;
  for (let row = 0; row < count; row++) {
    const first = firstSeconds[row]! * 1000 + Math.floor(firstNanos[row]! / 1e6);
    const durationMs = lastSeconds[row]! * 1000 + Math.floor(lastNanos[row]! / 1e6) - first;
    if (field === 'duration') out[row] = durationMs;
    else if (field === 'bps') out[row] = durationMs > 0 ? Math.floor((8000 * bytes[row]!) / durationMs) : 0;
    else if (field === 'pps') out[row] = durationMs > 0 ? Math.floor((1000 * packets[row]!) / durationMs) : 0;
    else if (field === 'bpp') out[row] = packets[row]! > 0 ? Math.floor(bytes[row]! / packets[row]!) : 0;
    else if (field === 'vlan') out[row] = batch.vlan?.[row] ?? 0;
    else if (field === 'icmp-type') out[row] = batch.dport[row]! >> 8;
    else if (field === 'icmp-code') out[row] = batch.dport[row]! & 255;
    else out[row] = 1;
  }
}

function address(side: Side | 'next' | 'exporter', network: Network): Condition {
  if (side === 'next' || side === 'exporter') {
    const name = side === 'next' ? 'nextHop' : 'exporter';
    return (batch, out) => {
      const column = batch[name];
      if (column === undefined) out.fill(0, 0, batch.count);
      else matchNetwork(column, batch.count, network, out);
    };
  }
  return sided(side, (one) => (batch, out) => matchNetwork(one === 'src' ? batch.src : batch.dst, batch.count, network, out));
}

function matchNetwork(column: Uint8Array, count: number, { bytes, bits }: Network, out: Mask): void {
  const words = new Uint32Array(column.buffer, column.byteOffset, count * 4);
  const masks = new Uint32Array(4);
  const wanted = new Uint32Array(4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  for (let word = 0; word < 4; word++) {
    const covered = Math.min(32, Math.max(0, bits - word * 32));
    const mask = covered === 0 ? 0 : (0xffffffff << (32 - covered)) >>> 0;
    masks[word] = swap(mask);
    wanted[word] = swap((view.getUint32(word * 4) & mask) >>> 0);
  }
  const [m0, m1, m2, m3] = masks as unknown as [number, number, number, number];
  const [w0, w1, w2, w3] = wanted as unknown as [number, number, number, number];
  for (let row = 0, at = 0; row < count; row++, at += 4) {
    const differs = ((words[at + 3]! & m3) ^ w3) | ((words[at + 2]! & m2) ^ w2) | ((words[at + 1]! & m1) ^ w1) | ((words[at]! & m0) ^ w0);
    out[row] = differs === 0 ? 1 : 0;
  }
}

/** The bytes of a word turned round: columns are read as little-endian words. */
function swap(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
