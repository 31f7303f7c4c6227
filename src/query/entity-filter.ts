/**
 * The `$filter` of the table protocol: comparisons (`eq ne gt ge lt le`) of a property with a literal of any type, `and`, `or`, `not`, brackets, and a boolean property by itself. It becomes
 * a function over entities, and the bounds of keys that it implies, so that one partition is read and not the table.
 *
 * Two values compare when they are of one kind: numbers of all three types among themselves, texts and keys in byte order, times, GUIDs, bytes, booleans. Where the property is missing or of another kind the
 * comparison is false. Length and depth are bounded before anything is built. Source: "Querying tables and entities" (learn.microsoft.com), OData 3.0 URI conventions.
 */

import { Malformed } from '../base/faults.js';
import { compareRows } from '../keep/record-block.js';
import { ticksOf } from './entity.js';

/** A value in the form in which it is compared. */
export type Comparable = number | bigint | boolean | { readonly kind: 'text' | 'time' | 'guid' | 'bytes'; readonly text: string };

/** Looks up a property; undefined when the entity has none of the name. */
export type Lookup = (name: string) => Comparable | undefined;

export interface EntityFilter {
  readonly passes: (lookup: Lookup) => boolean;
  /** Whether anything but the two keys is asked for. */
  readonly needsProperties: boolean;
  readonly bounds: KeyBounds;
  /** Whether the bounds say all that the filter does, for one partition: what lies within them passes. */
  readonly isBounds: boolean;
}

/** What an entity's keys must be, as far as the filter says so; half-open. */
export interface KeyBounds {
  partition?: string;
  fromPartition?: string;
  untilPartition?: string;
  fromRow?: string;
  untilRow?: string;
}

const lengthMax = 32_768;
const depthMax = 100;
const comparisonsMax = 500;

type Node =
  | { readonly does: 'and' | 'or'; readonly parts: readonly Node[] }
  | { readonly does: 'not'; readonly part: Node }
  | { readonly does: 'compare'; readonly name: string; readonly operator: Operator; readonly value: Comparable }
  | { readonly does: 'constant'; readonly value: boolean };

type Operator = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

/** Compiles a filter. Throws Malformed, with the column. */
export function compileFilter(text: string): EntityFilter {
  if (text.length > lengthMax) throw new Malformed(`the filter has ${text.length} characters (expected at most ${lengthMax})`);
  const tokens = tokensOf(text);
  const parser = new Parser(tokens);
  const node = parser.expression(0);
  parser.end();
  const bounds: KeyBounds = {};
  narrow(node, bounds);
  return { passes: (lookup) => holds(node, lookup), needsProperties: parser.needsProperties, bounds, isBounds: isBounds(node) };
}

type Token =
  | { readonly is: 'word'; readonly text: string; readonly column: number }
  | { readonly is: 'value'; readonly value: Comparable; readonly column: number }
  | { readonly is: '(' | ')' | 'end'; readonly column: number };

const number = /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[LlDdFfMm]?/y;
const word = /[\p{L}\p{Nl}_$][\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Pc}/]*/uy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1;
    const column = at + 1;
    const character = text[at];
    if (character === undefined) break;
    if (character === '(' || character === ')') {
      tokens.push({ is: character, column });
      at += 1;
    } else if (character === "'") {
      const [value, end] = quoted(text, at);
      tokens.push({ is: 'value', value: { kind: 'text', text: value }, column });
      at = end;
    } else {
      const found = match(number, text, at) ?? match(word, text, at);
      if (found === undefined) throw new Malformed(`the filter has '${character}' where none belongs`, { column });
      at += found.length;
      if (/^[-.\d]/.test(found)) tokens.push({ is: 'value', value: numberOf(found, column), column });
      else if (text[at] === "'") {
        const [value, end] = quoted(text, at);
        tokens.push({ is: 'value', value: typed(found.toLowerCase(), value, column), column });
        at = end;
      } else if (found === 'true' || found === 'false') tokens.push({ is: 'value', value: found === 'true', column });
      else if (/^(NaN|INF|Infinity)$/.test(found))
        tokens.push({ is: 'value', value: found === 'NaN' ? Number.NaN : Number.POSITIVE_INFINITY, column });
      else tokens.push({ is: 'word', text: found, column });
    }
  }
  tokens.push({ is: 'end', column: text.length + 1 });
  return tokens;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function quoted(text: string, start: number): [string, number] {
  let end = text.indexOf("'", start + 1);
  while (end >= 0 && text[end + 1] === "'") end = text.indexOf("'", end + 2);
  if (end < 0) throw new Malformed("a text of the filter does not end (expected ')", { column: start + 1 });
  return [text.slice(start + 1, end).replaceAll("''", "'"), end + 1];
}

function numberOf(text: string, column: number): Comparable {
  const suffix = text.at(-1) ?? '';
  if (/[Ll]/.test(suffix)) {
    if (!/^-?\d{1,19}[Ll]$/.test(text)) throw new Malformed(`'${text.slice(0, 40)}' is no Int64`, { column });
    return BigInt(text.slice(0, -1));
  }
  const plain = /[DdFfMm]/.test(suffix) ? text.slice(0, -1) : text;
  const value = Number(plain);
  return /^-?\d+$/.test(plain) && !Number.isSafeInteger(value) && plain.length < 40 ? BigInt(plain) : value;
}

function typed(prefix: string, text: string, column: number): Comparable {
  switch (prefix) {
    case 'datetime':
    case 'datetimeoffset': {
      const ticks = ticksOf(text);
      if (ticks !== undefined) return { kind: 'time', text: ticks };
      break;
    }
    case 'guid':
      if (/^[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}$/i.test(text)) return { kind: 'guid', text: text.toLowerCase().replaceAll('-', '') };
      break;
    case 'x':
    case 'binary':
      if (/^([\da-f]{2})*$/i.test(text)) return { kind: 'bytes', text: text.toLowerCase() };
  }
  throw new Malformed(
    `${prefix.slice(0, 20)}'${text.slice(0, 40)}' is no value (expected datetime, guid, X or binary with a text of its form)`,
    { column },
  );
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #comparisons = 0;
  needsProperties = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get #next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #isWord(text: string): boolean {
    return this.#next.is === 'word' && this.#next.text === text;
  }

  expression(depth: number): Node {
    if (depth > depthMax) throw new Malformed(`the filter is nested more than ${depthMax} deep`, { column: this.#next.column });
    return this.#list('or', () => this.#list('and', () => this.#unary(depth)));
  }

  end(): void {
    if (this.#next.is !== 'end') throw new Malformed('the filter goes on where it should end', { column: this.#next.column });
  }

  #list(does: 'and' | 'or', part: () => Node): Node {
    const parts = [part()];
    while (this.#isWord(does)) {
      this.#at += 1;
      parts.push(part());
    }
    return parts.length === 1 ? (parts[0] as Node) : { does, parts };
  }

  #unary(depth: number): Node {
    let denied = false;
    while (this.#isWord('not')) {
      this.#at += 1;
      denied = !denied;
    }
    let node: Node;
    if (this.#next.is === '(') {
      this.#at += 1;
      node = this.expression(depth + 1);
      if ((this.#next.is as string) !== ')') throw new Malformed("the filter has no ')' here", { column: this.#next.column });
      this.#at += 1;
    } else node = this.#comparison();
    return denied ? { does: 'not', part: node } : node;
  }

  #comparison(): Node {
    if (++this.#comparisons > comparisonsMax)
      throw new Malformed(`the filter has more than ${comparisonsMax} comparisons`, { column: this.#next.column });
    const first = this.#operand();
    const operator = this.#next.is === 'word' ? operators[this.#next.text] : undefined;
    if (operator === undefined) {
      if (first.is === 'word') return { does: 'compare', name: this.#name(first.text), operator: 'eq', value: true };
      if (first.value === true || first.value === false) return { does: 'constant', value: first.value };
      throw new Malformed('the filter has no comparison here (expected eq, ne, gt, ge, lt or le)', { column: this.#next.column });
    }
    this.#at += 1;
    const second = this.#operand();
    if (first.is === 'word' && second.is === 'value')
      return { does: 'compare', name: this.#name(first.text), operator, value: second.value };
    if (first.is === 'value' && second.is === 'word')
      return { does: 'compare', name: this.#name(second.text), operator: mirrored[operator], value: first.value };
    throw new Malformed('the filter compares a property with a value, and here are two of a kind', { column: first.column });
  }

  #name(name: string): string {
    if (name !== 'PartitionKey' && name !== 'RowKey') this.needsProperties = true;
    return name;
  }

  #operand(): Extract<Token, { is: 'word' | 'value' }> {
    const token = this.#next;
    if (token.is !== 'word' && token.is !== 'value')
      throw new Malformed('the filter ends too early (expected a property or a value)', { column: token.column });
    if (token.is === 'word' && (operators[token.text] !== undefined || /^(and|or|null)$/.test(token.text)))
      throw new Malformed(`the filter has '${token.text}' where a property or a value belongs`, { column: token.column });
    this.#at += 1;
    return token;
  }
}

const operators: Readonly<Record<string, Operator | undefined>> = Object.assign(Object.create(null), {
  eq: 'eq',
  ne: 'ne',
  gt: 'gt',
  ge: 'ge',
  lt: 'lt',
  le: 'le',
});
const mirrored: Readonly<Record<Operator, Operator>> = { eq: 'eq', ne: 'ne', gt: 'lt', ge: 'le', lt: 'gt', le: 'ge' };

function holds(node: Node, lookup: Lookup): boolean {
  switch (node.does) {
    case 'and':
      return node.parts.every((part) => holds(part, lookup));
    case 'or':
      return node.parts.some((part) => holds(part, lookup));
    case 'not':
      return !holds(node.part, lookup);
    case 'constant':
      return node.value;
    case 'compare': {
      const value = lookup(node.name);
      return value !== undefined && compares(value, node.operator, node.value);
    }
  }
}

function compares(one: Comparable, operator: Operator, two: Comparable): boolean {
  const isNumber = (value: Comparable): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
  if (isNumber(one) && isNumber(two)) {
    switch (operator) {
      case 'eq':
        // biome-ignore lint/suspicious/noDoubleEquals: an Int64 and a Double are equal when their values are
        return one == two;
      case 'ne':
        // biome-ignore lint/suspicious/noDoubleEquals: as above
        return one != two;
      case 'gt':
        return one > two;
      case 'ge':
        return one >= two;
      case 'lt':
        return one < two;
      case 'le':
        return one <= two;
    }
  }
  let order: number;
  if (typeof one === 'boolean' && typeof two === 'boolean') order = Number(one) - Number(two);
  else if (typeof one === 'object' && typeof two === 'object' && one.kind === two.kind) order = compareRows(one.text, two.text);
  else return false;
  switch (operator) {
    case 'eq':
      return order === 0;
    case 'ne':
      return order !== 0;
    case 'gt':
      return order > 0;
    case 'ge':
      return order >= 0;
    case 'lt':
      return order < 0;
    case 'le':
      return order <= 0;
  }
}

// Bounds that hold whatever else is true: from comparisons of keys that the whole filter is an `and` of.
function narrow(node: Node, bounds: KeyBounds): void {
  if (node.does === 'and') for (const part of node.parts) narrow(part, bounds);
  if (node.does !== 'compare' || typeof node.value !== 'object' || node.value.kind !== 'text' || node.operator === 'ne') return;
  const { text } = node.value;
  const behind = `${text}\u0001`;
  const from = node.operator === 'gt' ? behind : node.operator === 'eq' || node.operator === 'ge' ? text : undefined;
  const until = node.operator === 'lt' ? text : node.operator === 'eq' || node.operator === 'le' ? behind : undefined;
  if (node.name === 'PartitionKey') {
    if (node.operator === 'eq') bounds.partition ??= text;
    if (from !== undefined && (bounds.fromPartition === undefined || compareRows(from, bounds.fromPartition) > 0))
      bounds.fromPartition = from;
    if (until !== undefined && (bounds.untilPartition === undefined || compareRows(until, bounds.untilPartition) < 0))
      bounds.untilPartition = until;
  } else if (node.name === 'RowKey') {
    if (from !== undefined && (bounds.fromRow === undefined || compareRows(from, bounds.fromRow) > 0)) bounds.fromRow = from;
    if (until !== undefined && (bounds.untilRow === undefined || compareRows(until, bounds.untilRow) < 0)) bounds.untilRow = until;
  }
}

// One partition, and any bounds of its rows, all of which hold.
function isBounds(node: Node): boolean {
  const parts = conditions(node);
  const partitions = parts.filter((part) => part.does === 'compare' && part.name === 'PartitionKey');
  return (
    partitions.length === 1 &&
    parts.every(
      (part) =>
        part.does === 'compare' &&
        typeof part.value === 'object' &&
        part.value.kind === 'text' &&
        (part.name === 'RowKey' ? part.operator !== 'ne' : part.name === 'PartitionKey' && part.operator === 'eq'),
    )
  );
}

function conditions(node: Node): readonly Node[] {
  return node.does === 'and' ? node.parts.flatMap(conditions) : [node];
}
