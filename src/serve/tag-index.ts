/**
 * Series with tags, found by them: names by tag and value, so that an expression with `=` looks at those that have the value and at no others, and a regular
 * expression is tried once for each value of its tag. A tag that a series lacks reads as the empty text. Source: "Graphite Tag Support".
 *
 *   tag=value    tag!=value    tag=~regex    tag!=~regex          regular expressions begin where the value begins
 */

import { RE2JS } from 're2js';
import { Refused } from '../base/faults.js';

/** A series with its tags, `name` among them. */
export interface TaggedName {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Expression {
  readonly tag: string;
  readonly passes: (value: string) => boolean;
  /** The one value that passes, where there is one that is not empty. */
  readonly value: string | undefined;
}

export class TagIndex {
  readonly #all = new Map<string, TaggedName>();
  readonly #byTag = new Map<string, Map<string, TaggedName[]>>();

  /** A name such as `disk.used;rack=a1`; again changes nothing. */
  add(name: string): void {
    if (this.#all.has(name)) return;
    const held = { name, tags: tagsOf(name) };
    this.#all.set(name, held);
    for (const [tag, value] of Object.entries(held.tags)) {
      const values = this.#byTag.get(tag) ?? new Map<string, TaggedName[]>();
      const names = values.get(value);
      if (names === undefined) values.set(value, [held]);
      else names.push(held);
      this.#byTag.set(tag, values);
    }
  }

  clear(): void {
    this.#all.clear();
    this.#byTag.clear();
  }

  /** Series whose tags match every expression, in no order. Throws Refused for what is no expression. */
  find(expressions: readonly string[]): readonly TaggedName[] {
    const all = expressions.map(parseExpression);
    const lists = all.flatMap(({ tag, value }) => (value === undefined ? [] : [this.#byTag.get(tag)?.get(value) ?? []]));
    const fewest = lists.reduce((least, list) => (list.length < least.length ? list : least), lists[0] ?? [...this.#all.values()]);
    return fewest.filter(({ tags }) => all.every(({ tag, passes }) => passes(Object.hasOwn(tags, tag) ? (tags[tag] as string) : '')));
  }

  /** Tags of the series that match, in order. */
  tags(expressions: readonly string[]): readonly string[] {
    if (expressions.length === 0) return [...this.#byTag.keys()].sort();
    return [...new Set(this.find(expressions).flatMap(({ tags }) => Object.keys(tags)))].sort();
  }

  /** Values of a tag among the series that match, in order, with how many series have each. */
  values(tag: string, expressions: readonly string[]): readonly (readonly [value: string, count: number])[] {
    const counts = new Map<string, number>();
    if (expressions.length === 0) for (const [value, names] of this.#byTag.get(tag) ?? []) counts.set(value, names.length);
    else {
      for (const { tags } of this.find(expressions)) {
        const value = Object.hasOwn(tags, tag) ? (tags[tag] as string) : undefined;
        if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

/** Tags of a name such as `disk.used;rack=a1`: `name` and the pairs. */
export function tagsOf(name: string): Readonly<Record<string, string>> {
  const [path, ...pairs] = name.split(';');
  const tags: Record<string, string> = { name: path as string };
  for (const pair of pairs) {
    const cut = pair.indexOf('=');
    tags[pair.slice(0, cut)] = pair.slice(cut + 1);
  }
  return tags;
}

function parseExpression(expression: string): Expression {
  const found = /^([^!=]+)(!=~|=~|!=|=)(.*)$/s.exec(expression);
  if (found === null)
    throw new Refused(`'${expression.slice(0, 200)}' is no tag expression (expected tag=value, tag!=value, tag=~regex, tag!=~regex)`);
  const [, tag, operator, wanted] = found as unknown as [string, string, string, string];
  if (operator === '=') return { tag, passes: (value) => value === wanted, value: wanted === '' ? undefined : wanted };
  if (operator === '!=') return { tag, passes: (value) => value !== wanted, value: undefined };
  const pattern = compile(wanted);
  const known = new Map<string, boolean>();
  const passes = (value: string): boolean => {
    let finds = known.get(value);
    if (finds === undefined) {
      finds = pattern.matcher(value).lookingAt();
      known.set(value, finds);
    }
    return finds === (operator === '=~');
  };
  return { tag, passes, value: undefined };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch {
    throw new Refused(`'${source.slice(0, 200)}' is no regular expression`);
  }
}
