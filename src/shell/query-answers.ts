/** Answers of `weir query` as CSV and as a table; a share of unknown time says what it is a share of. */

import type { Answered } from '../query/answers.js';

export function csv(answers: readonly Answered[]): string {
  const hasRests = answers.some(({ weir }) => weir?.rests !== undefined);
  const lines = [`target,time,value${hasRests ? ',known_seconds,unknown_seconds,planned_seconds' : ''}`];
  for (const { target, datapoints, weir } of answers) {
    const name = quoted(target);
    for (const [index, [value, time]] of datapoints.entries()) {
      const rest = weir?.rests?.[index];
      const more = rest === undefined ? (hasRests ? ',,,' : '') : `,${rest.known},${rest.unknown},${rest.planned}`;
      lines.push(`${name},${new Date(time * 1000).toISOString()},${value ?? ''}${more}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A field of CSV. */
export function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function table(answers: readonly Answered[]): string {
  const lines: string[] = [];
  for (const { target, datapoints, weir } of answers) {
    lines.push(target);
    for (const [index, [value, time]] of datapoints.entries()) {
      if (value === null) continue;
      const rest = weir?.rests?.[index];
      const of =
        rest === undefined
          ? ''
          : `  of ${lengthText(rest.known + rest.unknown)}${rest.planned > 0 ? `, ${lengthText(rest.planned)} planned left out` : ''}`;
      lines.push(`  ${new Date(time * 1000).toISOString().slice(0, 19)}Z  ${value}${of}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** A length of time as people say it: `2d 3h 5m`, `45s`. */
export function lengthText(seconds: number): string {
  const parts: string[] = [];
  let left = Math.round(seconds);
  for (const [unit, size] of [['d', 86_400] as const, ['h', 3600] as const, ['m', 60] as const, ['s', 1] as const]) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}
