/**
 * What a Graphite function is: names, parameters as data (they bind arguments, serve `/functions` and the messages), and `run`. Functions stand
 * in siblings by their kind (`functions-combine.ts`, ...), each an array of rows; `functions.ts` is the one table. A new function is one more row.
 *
 * A call gets its arguments bound by parameter name and checked by type; `call.again` evaluates an argument for another range, which is
 * what moving windows and time shifts need.
 */

import { Malformed } from '../base/faults.js';
import type { Series } from './series.js';
import { type CallNode, parseTarget, type TargetNode } from './target.js';

/** Types as Grafana's editor names them. */
export type ParameterType =
  | 'seriesList'
  | 'seriesLists'
  | 'string'
  | 'integer'
  | 'float'
  | 'boolean'
  | 'node'
  | 'nodeOrTag'
  | 'tag'
  | 'date'
  | 'interval'
  | 'intOrInterval'
  | 'intOrInf'
  | 'aggFunc'
  | 'aggOrSeriesFunc'
  | 'any';

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly required?: boolean;
  /** Takes all that follows. */
  readonly multiple?: boolean;
  readonly default?: string | number | boolean | null;
  /** All that may be given. */
  readonly options?: readonly string[];
  /** What an editor offers besides. */
  readonly suggestions?: readonly (string | number)[];
}

export type Value = readonly Series[] | string | number | boolean | null;

/** Time, `[start, end)`, epoch seconds. */
export interface TimeSpan {
  readonly start: number;
  readonly end: number;
}

/** The range and the clock of a request. Times are epoch seconds; the range is `(from, until]`. */
export interface TargetContext {
  readonly from: number;
  readonly until: number;
  readonly now: number;
  readonly timeZone: string;
  readonly maxDataPoints: number | undefined;
  /** Series that match a path or glob, in order of name. */
  readonly fetch: (path: string, context: TargetContext) => Promise<readonly Series[]>;
  /** Series whose tags match `tag=value`, `tag!=value`, `tag=~regex`, `tag!=~regex`; `shown` is the call as it was written. */
  readonly fetchTagged?: (expressions: readonly string[], context: TargetContext, shown?: string) => Promise<readonly Series[]>;
  /** Times of the events of a range with all of some tags (undefined: of all events), epoch seconds, in order. */
  readonly fetchEvents?: (from: number, until: number, tags: readonly string[] | undefined) => Promise<readonly number[]>;
  /** Seconds that the steps of the answer are to be cut at: stored series are read on a step that divides them (0: on their finest). */
  readonly alignSeconds?: number;
  /** Planned maintenance, `[start, end)` in epoch seconds, one after another: left out of the denominators of availability. */
  readonly maintenance?: readonly TimeSpan[];
  /** Values of `$name` in templates. */
  readonly template: Readonly<Record<string, string>>;
  /** Whoever asks needs the values of stored series alone, not the cells below them. */
  readonly onlyValues?: boolean;
  /** Whether nobody waits for the answer any more. */
  readonly isDropped?: () => boolean;
  /** Calls left before the request is refused; what stands so far in each stack of the picture. */
  readonly budget: { calls: number; readonly stacks?: Map<string, Float64Array> };
}

export interface TargetFunction {
  readonly names: readonly [string, ...string[]];
  readonly group: 'Alias' | 'Combine' | 'Transform' | 'Calculate' | 'Filter Series' | 'Filter Data' | 'Sorting' | 'Special' | 'Graph';
  readonly description: string;
  readonly parameters: readonly Parameter[];
  /** What it needs of its series, whatever is made of its result: their values alone, or the cells below. */
  readonly needs?: 'values' | 'cells';
  readonly run: (call: Call) => readonly Series[] | Promise<readonly Series[]>;
}

/** What a call needs of the evaluator. */
export interface Machine {
  readonly evaluate: (node: TargetNode, context: TargetContext) => Promise<Value>;
  readonly lookup: (name: string) => TargetFunction | undefined;
}

/** A call with its arguments bound. */
export class Call {
  readonly context: TargetContext;
  readonly node: CallNode;
  readonly #values: ReadonlyMap<string, readonly Value[]>;
  readonly #machine: Machine;

  constructor(context: TargetContext, node: CallNode, values: ReadonlyMap<string, readonly Value[]>, machine: Machine) {
    this.context = context;
    this.node = node;
    this.#values = values;
    this.#machine = machine;
  }

  /** Whether an argument was given (defaults do not count). */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** One list of series; all lists of a `multiple` parameter joined. */
  series(name = 'seriesList'): readonly Series[] {
    return this.lists(name).flat();
  }

  /** The lists of a `multiple` parameter, one an argument. */
  lists(name: string): readonly (readonly Series[])[] {
    return this.all(name).filter((value): value is readonly Series[] => Array.isArray(value));
  }

  all(name: string): readonly Value[] {
    return this.#values.get(name) ?? [];
  }

  number(name: string, otherwise = Number.NaN): number {
    const value = this.all(name)[0];
    return typeof value === 'number' ? value : otherwise;
  }

  text(name: string, otherwise = ''): string {
    const value = this.all(name)[0];
    return value === undefined || value === null || Array.isArray(value) ? otherwise : String(value);
  }

  flag(name: string): boolean {
    return this.all(name)[0] === true;
  }

  /** The argument at a position, evaluated for another range. */
  async again(position: number, context: TargetContext): Promise<readonly Series[]> {
    const node = this.node.positional[position];
    if (node === undefined) return [];
    const value = await this.#machine.evaluate(node, context);
    return Array.isArray(value) ? value : [];
  }

  /** Another function of the table over some series, by its name: what grouping functions take as callback. Undefined: no such function. */
  async callback(name: string, ...lists: readonly (readonly Series[])[]): Promise<readonly Series[] | undefined> {
    const row = this.#machine.lookup(name);
    if (row === undefined) return undefined;
    const values = new Map<string, Value[]>();
    for (const [index, list] of lists.entries()) {
      const parameter = row.parameters[Math.min(index, row.parameters.length - 1)];
      if (parameter !== undefined) values.set(parameter.name, [...(values.get(parameter.name) ?? []), list]);
    }
    const node: CallNode = { kind: 'call', name, positional: [], named: new Map(), column: this.node.column };
    return await row.run(new Call(this.context, node, values, this.#machine));
  }

  /** The series of a target that the function itself makes. */
  async target(text: string, context = this.context): Promise<readonly Series[]> {
    const value = await this.#machine.evaluate(parseTarget(text), context);
    return Array.isArray(value) ? value : [];
  }

  fault(message: string): Malformed {
    return new Malformed(`${this.node.name}: ${message}`, { file: 'target', line: 1, column: this.node.column });
  }
}
