/**
 * A filter compiled to a function over columns: each node of the tree fills a mask, a byte a row, and `and`, `or`, `not` combine masks.
 * The loops are flat and over typed arrays, so that a scan costs a few nanoseconds a row and condition; lists of any length are looked up
 * in tables. A column that a batch does not carry is zero in every row, as nfdump has it.
 *
 * Addresses compare as nfdump compares them: 128 bits, IPv4 as ::a.b.c.d, so that `net ::/0` holds IPv4 and `ip 0.0.0.0` holds `::` and what is unknown.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { figureColumns, fillFigure } from './filter-figures.js';
import { NetworkSet } from './filter-networks.js';
import { type Comparator, type FilterNode, type LabelPart, parseFilter } from './filter-tree.js';
import type { Network } from './filter-values.js';
import { type FigureName, figureNames, type Include } from './filter-words.js';
import { partsOf, type WantedColumns } from './format.js';

/** Lists the rows that pass in `keep` (at least `batch.count` long) and returns how many they are. */
export interface Filter {
  (batch: FlowBatch, keep: Uint32Array): number;
  /** The columns that it looks at, if not all. */
  readonly wanted: WantedColumns | undefined;
  /** What it was compiled from. */
  readonly tree: FilterNode;
}

type Mask = Uint8Array;
type Condition = (batch: FlowBatch, out: Mask) => void;
type NumberColumn = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Compiles a filter in nfdump's language; throws Malformed with line and column of what is wrong. `include` reads the files that it includes. */
export function compileFilter(text: string, include?: Include): Filter {
  const tree = parseFilter(text, include);
  const condition = compile(tree);
  let mask = new Uint8Array(0);
  const filter = (batch: FlowBatch, keep: Uint32Array): number => {
    if (mask.length < batch.count) mask = new Uint8Array(batch.capacity);
    condition(batch, mask);
    return list(mask, batch.count, keep);
  };
  return Object.assign(filter, { wanted: partsOf(columnsIn(tree)), tree });
}

/** Columns that a tree looks at. */
function columnsIn(node: FilterNode): readonly string[] {
  switch (node.is) {
    case 'all':
      return [];
    case 'and':
    case 'or':
      return [...new Set(node.of.flatMap(columnsIn))];
    case 'not':
      return columnsIn(node.of);
    case 'family':
      return ['family'];
    case 'flags':
      return ['flags'];
    case 'label':
      return ['mpls'];
    case 'block':
      return [...node.columns, 'blockStart', 'blockEnd'];
    case 'number':
    case 'address':
      return node.columns.flatMap((name) => figureColumns[name as FigureName] ?? [name]);
  }
}

function list(mask: Mask, count: number, keep: Uint32Array): number {
  let kept = 0;
  for (let row = 0; row < count; row++) {
    // Written whether it passes or not: no branch to guess wrong.
    keep[kept] = row;
    kept += mask[row]!;
  }
  return kept;
}

function compile(node: FilterNode): Condition {
  switch (node.is) {
    case 'all':
      return (batch, out) => void out.fill(1, 0, batch.count);
    case 'and':
    case 'or':
      return joined(node.of.map(compile), node.is);
    case 'not':
      return negated(compile(node.of));
    case 'family':
      return family(node.isIpv6);
    case 'flags':
      return flags(node.mask, node.any);
    case 'label':
      return labels(node.of, comparedWith(node.comparator, [node.value]));
    case 'block':
      return joined(node.columns.map(inBlock), node.every ? 'and' : 'or');
    case 'number':
      return joined(
        node.columns.map((column) => numeric(column, node.comparator, node.values)),
        node.every ? 'and' : 'or',
      );
    case 'address':
      return joined(
        node.columns.map((column) => address(column, node.networks)),
        node.every ? 'and' : 'or',
      );
  }
}

function joined(conditions: readonly Condition[], kind: 'and' | 'or'): Condition {
  const [first, ...others] = conditions;
  if (first === undefined || others.length === 0) return first ?? ((batch, out) => void out.fill(0, 0, batch.count));
  let other = new Uint8Array(0);
  return (batch, out) => {
    if (other.length < batch.count) other = new Uint8Array(batch.capacity);
    first(batch, out);
    for (const condition of others) {
      condition(batch, other);
      combine(kind === 'and', other, out, batch.count);
    }
  };
}

function combine(isAnd: boolean, from: Mask, into: Mask, count: number): void {
  if (isAnd) for (let row = 0; row < count; row++) into[row] = into[row]! & from[row]!;
  else for (let row = 0; row < count; row++) into[row] = into[row]! | from[row]!;
}

function negated(of: Condition): Condition {
  return (batch, out) => {
    of(batch, out);
    for (let row = 0; row < batch.count; row++) out[row] = out[row]! ^ 1;
  };
}

// nfdump's `inet` is what is not IPv6: records without addresses too.
function family(isIpv6: boolean): Condition {
  const [six, others] = isIpv6 ? [1, 0] : [0, 1];
  return (batch, out) => {
    const from = batch.family;
    for (let row = 0; row < batch.count; row++) out[row] = from[row] === 6 ? six : others;
  };
}

function flags(mask: number, any: boolean): Condition {
  return (batch, out) => {
    const from = batch.flags;
    if (any) for (let row = 0; row < batch.count; row++) out[row] = (from[row]! & mask) !== 0 ? 1 : 0;
    else for (let row = 0; row < batch.count; row++) out[row] = (from[row]! & mask) === mask ? 1 : 0;
  };
}

/** The column of that name, if the batch carries it. */
function columnOf<T>(batch: FlowBatch, name: string): T | undefined {
  return batch[name as keyof FlowBatch] as T | undefined;
}

function numeric(name: string, comparator: Comparator, values: readonly number[]): Condition {
  const test = values.length > 2 ? among(values) : comparedWith(comparator, values);
  const figure = figureNames.find((known) => known === name);
  if (figure === 'record') return (batch, out) => test(batch.number, batch.count, out);
  if (figure !== undefined) return figured(figure, test);
  const zero = new Uint8Array(1);
  return (batch, out) => {
    const column = columnOf<NumberColumn>(batch, name);
    if (column !== undefined) return test(column, batch.count, out);
    test(zero, 1, out);
    out.fill(out[0]!, 0, batch.count);
  };
}

type Test = (column: NumberColumn, count: number, out: Mask) => void;

function figured(figure: FigureName, test: Test): Condition {
  let made = new Float64Array(0);
  return (batch, out) => {
    if (made.length < batch.count) made = new Float64Array(batch.capacity);
    fillFigure(figure, batch, made);
    test(made, batch.count, out);
  };
}

function comparedWith(comparator: Comparator, [value = 0, second]: readonly number[]): Test {
  if (comparator === '=' && second === undefined) return (column, count, out) => equal(column, count, value, out);
  return (column, count, out) => {
    if (comparator === '=') for (let row = 0; row < count; row++) out[row] = column[row] === value || column[row] === second ? 1 : 0;
    else if (comparator === '>') for (let row = 0; row < count; row++) out[row] = column[row]! > value ? 1 : 0;
    else if (comparator === '<') for (let row = 0; row < count; row++) out[row] = column[row]! < value ? 1 : 0;
    else if (comparator === '>=') for (let row = 0; row < count; row++) out[row] = column[row]! >= value ? 1 : 0;
    else for (let row = 0; row < count; row++) out[row] = column[row]! <= value ? 1 : 0;
  };
}

// The commonest loop, once for each width: a loop that sees one kind of array alone is three times as fast.
function equal(column: NumberColumn, count: number, value: number, out: Mask): void {
  if (column instanceof Uint8Array) equalBytes(column, count, value, out);
  else if (column instanceof Uint16Array) equalShorts(column, count, value, out);
  else for (let row = 0; row < count; row++) out[row] = column[row] === value ? 1 : 0;
}

function equalBytes(column: Uint8Array, count: number, value: number, out: Mask): void {
  for (let row = 0; row < count; row++) out[row] = column[row] === value ? 1 : 0;
}

function equalShorts(column: Uint16Array, count: number, value: number, out: Mask): void {
  for (let row = 0; row < count; row++) out[row] = column[row] === value ? 1 : 0;
}

// A port within the NAT port block of its record; the block is 0 to 0 where there is none, as nfdump has it.
function inBlock(name: string): Condition {
  return (batch, out) => {
    const column = columnOf<NumberColumn>(batch, name);
    const { blockStart, blockEnd } = batch;
    for (let row = 0; row < batch.count; row++) {
      const port = column?.[row] ?? 0;
      out[row] = port >= (blockStart?.[row] ?? 0) && port <= (blockEnd?.[row] ?? 0) ? 1 : 0;
    }
  };
}

/** Words of the MPLS stack, ten a row: label << 4 | experimental bits << 1 | end of the stack. */
function labels(of: LabelPart, test: Test): Condition {
  const [part, matched] = [new Float64Array(10), new Uint8Array(10)];
  return (batch, out) => {
    const { mpls } = batch;
    for (let row = 0; row < batch.count; row++) {
      const count = fillLabels(of, mpls, row, part);
      test(part, count, matched);
      out[row] = matched.subarray(0, count).includes(1) ? 1 : 0;
    }
  };
}

// The words to be compared of a row; zero where there is no stack.
function fillLabels(of: LabelPart, mpls: Uint32Array | undefined, row: number, out: Float64Array): number {
  const word = (place: number): number => mpls?.[row * 10 + place] ?? 0;
  if (of.part === 'label') out[0] = word(of.place) >>> 4;
  else if (of.part === 'exp') out[0] = (word(of.place) >>> 1) & 7;
  else if (of.part === 'any') for (let place = 0; place < 10; place++) out[place] = word(place) >>> 4;
  else {
    let place = 0;
    while (place < 9 && (word(place) & 1) === 0) place++;
    out[0] = word(place) >>> 4;
  }
  return of.part === 'any' ? 10 : 1;
}

/** One of many values: by a table where they are small. */
function among(values: readonly number[]): Test {
  const small = new Uint8Array(65536);
  for (const value of values) if (value < 65536) small[value] = 1;
  if (values.every((value) => value < 65536)) return (column, count, out) => lookUp(column, count, small, out);
  const set = new Set(values);
  return (column, count, out) => {
    for (let row = 0; row < count; row++) out[row] = set.has(column[row]!) ? 1 : 0;
  };
}

function lookUp(column: NumberColumn, count: number, table: Uint8Array, out: Mask): void {
  for (let row = 0; row < count; row++) {
    const value = column[row]!;
    out[row] = value < 65536 ? table[value]! : 0;
  }
}

function address(name: string, networks: readonly Network[]): Condition {
  const set = new NetworkSet(networks);
  return (batch, out) => {
    const column = columnOf<Uint8Array>(batch, name);
    if (column !== undefined) return set.match(column, batch.count, out);
    set.match(new Uint8Array(16), 1, out);
    out.fill(out[0]!, 0, batch.count);
  };
}
