/**
 * The grammar of Graphite's targets: a tree from a text such as `alias(sumSeries(servers.*.cpu.{user,system}),"cpu")`.
 *
 *   target  = term { "|" call }                 a pipe hands what stands before it to the call as its first argument
 *   term    = call | path | number | quoted | "true" | "false" | "None"
 *   call    = name "(" [ argument { "," argument } ] ")"
 *   argument= [ name "=" ] target
 *   path    = any characters but blanks, quotes, brackets, commas and pipes; commas within braces belong to it; "\" takes the next as it is
 *
 * Errors name the column. Depth and length are bounded, since targets come from outside. Templates (`template(a.$x.b, x="1")`) are filled in by the
 * evaluator. Source: graphite-web's grammar.py (behaviour), "The Render URL API: target".
 */

import { Malformed, Refused } from '../base/faults.js';

export type TargetNode =
  | { readonly kind: 'path'; readonly path: string; readonly column: number }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly column: number }
  | { readonly kind: 'text'; readonly text: string; readonly column: number }
  | { readonly kind: 'constant'; readonly value: boolean | null; readonly column: number }
  | CallNode;

/** A call of a function. */
export interface CallNode {
  readonly kind: 'call';
  readonly name: string;
  readonly positional: readonly TargetNode[];
  readonly named: ReadonlyMap<string, TargetNode>;
  readonly column: number;
  /** As it was written. */
  readonly text?: string;
}

export const targetSizeMax = 65_536;
const depthMax = 64;

/** Parses a target; throws Malformed with the column when it is none. */
export function parseTarget(text: string): TargetNode {
  if (text.length > targetSizeMax) throw new Refused(`the target has ${text.length} characters (at most ${targetSizeMax})`);
  const parser = new Parser(text);
  const node = parser.target(0);
  parser.expectEnd();
  return node;
}

/** Every path that a tree fetches. */
export function pathsOf(node: TargetNode): string[] {
  if (node.kind === 'path') return [node.path];
  if (node.kind !== 'call') return [];
  return [...node.positional, ...node.named.values()].flatMap(pathsOf);
}

/** A target written out again, as Graphite names the result of a function. */
export function formatTarget(node: TargetNode): string {
  switch (node.kind) {
    case 'path':
      return node.path;
    case 'number':
      return node.text;
    case 'text':
      return `"${node.text}"`;
    case 'constant':
      return node.value === null ? 'None' : String(node.value);
    case 'call': {
      const named = [...node.named].map(([name, value]) => `${name}=${formatTarget(value)}`);
      return `${node.name}(${[...node.positional.map(formatTarget), ...named].join(',')})`;
    }
  }
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  target(depth: number): TargetNode {
    if (depth > depthMax) throw this.#fault(`the target is nested deeper than ${depthMax}`);
    let node = this.#term(depth);
    this.#blanks();
    while (this.#text[this.#at] === '|') {
      this.#at++;
      this.#blanks();
      const call = this.#term(depth);
      if (call.kind !== 'call') throw this.#fault('a pipe leads to what is no function');
      node = { ...call, positional: [node, ...call.positional] };
      this.#blanks();
    }
    return node;
  }

  expectEnd(): void {
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#fault(`'${this.#text[this.#at]}' is not expected here (expected the end of the target)`);
  }

  #term(depth: number): TargetNode {
    this.#blanks();
    const column = this.#at + 1;
    const first = this.#text[this.#at];
    if (first === undefined) throw this.#fault('the target ends too early (expected a path, a function or a value)');
    if (first === '"' || first === "'") return { kind: 'text', text: this.#quoted(first), column };
    const word = this.#word();
    if (word === '') throw this.#fault(`'${first}' is not expected here (expected a path, a function or a value)`);
    if (this.#text[this.#at] === '(' && /^[A-Za-z_]\w*$/.test(word)) return this.#call(word, column, depth);
    if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word)) return { kind: 'number', value: Number(word), text: word, column };
    const lower = word.toLowerCase();
    if (lower === 'true' || lower === 'false') return { kind: 'constant', value: lower === 'true', column };
    if (lower === 'none') return { kind: 'constant', value: null, column };
    if (lower === 'inf' || lower === 'infinity') return { kind: 'number', value: Number.POSITIVE_INFINITY, text: word, column };
    return { kind: 'path', path: word, column };
  }

  #call(name: string, column: number, depth: number): CallNode {
    this.#at++;
    const positional: TargetNode[] = [];
    const named = new Map<string, TargetNode>();
    this.#blanks();
    if (this.#text[this.#at] === ')') {
      this.#at++;
      return { kind: 'call', name, positional, named, column };
    }
    for (;;) {
      this.#blanks();
      const label = /^([A-Za-z_]\w*)\s*=(?!=)/.exec(this.#text.slice(this.#at, this.#at + 100));
      if (label !== null) {
        this.#at += label[0].length;
        named.set(label[1] as string, this.target(depth + 1));
      } else {
        if (named.size > 0) throw this.#fault('an argument without a name follows one with a name');
        positional.push(this.target(depth + 1));
      }
      this.#blanks();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== ')') {
        if (next === undefined) throw this.#fault(`the bracket of ${name} is not closed (expected ')')`);
        throw this.#fault(`'${next}' is not expected here (expected ',' or ')')`);
      }
      this.#at++;
      if (next === ')') return { kind: 'call', name, positional, named, column, text: this.#text.slice(column - 1, this.#at) };
    }
  }

  #quoted(quote: string): string {
    const start = this.#at++;
    let text = '';
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) {
        this.#at = start;
        throw this.#fault('the quote is not closed');
      }
      if (character === quote) return text;
      if (character === '\\' && this.#text[this.#at] === quote) {
        text += quote;
        this.#at++;
      } else text += character;
    }
  }

  #word(): string {
    const start = this.#at;
    let braces = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] as string;
      if (character === '\\') this.#at++;
      else if (character === '{') braces++;
      else if (character === '}') braces = Math.max(0, braces - 1);
      else if (character === ',' ? braces === 0 : ' \t\n\r()\'"|'.includes(character)) break;
    }
    this.#at = Math.min(this.#at, this.#text.length);
    if (braces > 0) {
      this.#at = start;
      throw this.#fault("a brace is not closed (expected '}')");
    }
    return this.#text.slice(start, this.#at);
  }

  #blanks(): void {
    while (this.#at < this.#text.length && ' \t\r\n'.includes(this.#text[this.#at] as string)) this.#at++;
  }

  #fault(message: string): Malformed {
    return new Malformed(message, { file: 'target', line: 1, column: this.#at + 1 });
  }
}
