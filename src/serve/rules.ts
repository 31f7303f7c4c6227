/**
 * The `[[rule]]`s of the configuration: the first whose pattern finds a name, of those that say anything on the matter asked for, counts. Patterns run
 * in linear time (RE2), since names come from outside; each is compiled once.
 */

import { RE2JS } from 're2js';
import { Malformed } from '../base/faults.js';

/** Upper bounds (exclusive) of bins, ascending; `inf` takes all the rest. */
export type BinBounds = readonly (number | 'inf')[];

/** A `[[rule]]`: what holds for series whose name the pattern (a regular expression) finds. */
export interface Rule {
  readonly pattern: string;
  readonly method?: string;
  readonly sameTimestamp?: 'merge' | 'replace';
  /** `true`: every value is kept, so that medians and percentiles can be shown. A list: bounds of the bins that a StatsD timer shows, as etsy's `histogram`. */
  readonly histogram?: boolean | BinBounds;
}

const compiled = new Map<string, RE2JS>();

/** The rule that holds for a name. `says` picks those that speak of the matter. */
export function ruleOf(name: string, rules: readonly Rule[], says: (rule: Rule) => boolean): Rule | undefined {
  return rules.find((rule) => says(rule) && patternOf(rule.pattern).matcher(name).find());
}

/** Whether points of a name replace others of the same second. */
export function replacesByRule(name: string, rules: readonly Rule[]): boolean {
  return ruleOf(name, rules, (rule) => rule.sameTimestamp !== undefined)?.sameTimestamp === 'replace';
}

/** The percentile that a method of aggregation names (`median`, `p95`, `p99.9`), or undefined: those need every value. */
export function percentileOf(method: string): number | undefined {
  if (method === 'median') return 50;
  const found = /^p(\d{1,2}(\.\d{1,4})?)$/.exec(method);
  return found === null || Number(found[1]) === 0 ? undefined : Number(found[1]);
}

/** Bounds of bins: numbers above one another, `inf` last. Undefined when it is no such list. */
export function binBoundsOf(value: unknown): BinBounds | undefined {
  if (!Array.isArray(value) || value.length > 100) return undefined;
  const numbers = value.at(-1) === 'inf' ? value.slice(0, -1) : value;
  const rising = numbers.every((one, index) => Number.isFinite(one) && (index === 0 || one > numbers[index - 1]));
  return rising ? (value as BinBounds) : undefined;
}

/** A pattern as an expression that runs in linear time. Throws Malformed when it is none. */
export function patternOf(source: string): RE2JS {
  let pattern = compiled.get(source);
  if (pattern === undefined) {
    try {
      pattern = RE2JS.compile(source);
    } catch {
      throw new Malformed(`'${source.slice(0, 80)}' is no regular expression`);
    }
    if (compiled.size > 10_000) compiled.clear();
    compiled.set(source, pattern);
  }
  return pattern;
}
