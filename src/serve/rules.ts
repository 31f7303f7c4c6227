/**
 * The `[[rule]]`s of the configuration: the first whose pattern finds a name, of those that say anything on the matter asked for, counts. Patterns run
 * in linear time (RE2), since names come from outside; each is compiled once.
 */

import { RE2JS } from 're2js';
import { Malformed } from '../base/faults.js';

/** A `[[rule]]`: what holds for series whose name the pattern (a regular expression) finds. */
export interface Rule {
  readonly pattern: string;
  readonly method?: string;
  readonly sameTimestamp?: 'merge' | 'replace';
  readonly histogram?: boolean;
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
