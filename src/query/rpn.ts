/**
 * RRDtool's reverse Polish notation: an expression as text into a program for `rpn-machine.ts`.
 *
 *     expression = word , word , ...            rtt,UN,100,0,IF            in,out,+,8,*            x,3600,TREND
 *     word       = number | operator | vname | PREV(vname)
 *
 * A word that is an operator is one, even where a variable has its name. As with rrdtool a number cannot be the last word: nothing would use it.
 * Source: rrdgraph_rpn(1).
 */

import { Malformed } from '../base/faults.js';
import { rpnOperators } from './rpn-operators.js';
import type { RpnOperator } from './rpn-stack.js';

/** One step of a program. */
export type RpnStep =
  | { readonly kind: 'number'; readonly value: number }
  /** The value of a variable at this row, or (PREV) at the row before. */
  | { readonly kind: 'variable' | 'previous'; readonly name: string }
  | { readonly kind: 'operator'; readonly name: string; readonly operator: RpnOperator };

export interface RpnProgram {
  readonly text: string;
  readonly steps: readonly RpnStep[];
}

/** `1e3`, `.5`, `-5`, `1.`; a bare `e` is passed over, as rrdtool does. */
const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e(?:[-+]?\d+)?)?$/;
const wordCountMax = 10_000;

/** Reads an expression; `isVariable` tells which names there are. Throws Malformed with what is not understood. */
export function parseRpn(text: string, isVariable: (name: string) => boolean): RpnProgram {
  if (text === '') throw new Malformed('can not parse an empty rpn expression');
  const words = (text.endsWith(',') ? text.slice(0, -1) : text).split(',');
  if (words.length > wordCountMax) throw new Malformed(`an expression of ${words.length} words (at most ${wordCountMax})`);
  let at = 0;
  const steps = words.map((word, index): RpnStep => {
    const rest = text.slice(at);
    at += word.length + 1;
    const isLast = index === words.length - 1 && !text.endsWith(',');
    if (number.test(word)) {
      if (isLast) throw new Malformed(`don't understand '${rest}' (a number cannot come last: no operator uses it)`);
      return { kind: 'number', value: Number(word.replace(/e[-+]?$/, '')) };
    }
    const operator = rpnOperators.get(word);
    if (operator !== undefined) return { kind: 'operator', name: word, operator };
    const previous = /^PREV\((.+)\)$/.exec(word);
    if (previous !== null) {
      const name = previous[1] ?? '';
      if (!isVariable(name)) throw new Malformed(`variable '${name}' not found`);
      return { kind: 'previous', name };
    }
    if (!isVariable(word)) throw new Malformed(`don't understand '${rest}'`);
    return { kind: 'variable', name: word };
  });
  return { text, steps };
}

/** The variables of a program, each once. */
export function rpnVariables(program: RpnProgram): string[] {
  const names = new Set<string>();
  for (const step of program.steps) if (step.kind === 'variable' || step.kind === 'previous') names.add(step.name);
  return [...names];
}
