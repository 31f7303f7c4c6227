/** Series are found by tags as a look at each of them would find them, whatever the tags are called; values that nobody has are empty answers. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TagIndex } from './tag-index.js';

const index = (names: readonly string[]): TagIndex => {
  const made = new TagIndex();
  for (const name of names) made.add(name);
  return made;
};

test('what each expression finds', () => {
  const tags = index(['disk;dc=fra;host=a1', 'disk;dc=iad;host=a1', 'disk;host=b2', 'load;dc=fra;host=b2', 'disk;dc=fra;host=a1']);
  const found = (...expressions: string[]): string[] =>
    tags
      .find(expressions)
      .map(({ name }) => name)
      .sort();
  assert.deepEqual(found('name=disk', 'dc=fra'), ['disk;dc=fra;host=a1']);
  assert.deepEqual(found('name=disk', 'dc='), ['disk;host=b2']);
  assert.deepEqual(found('dc!=fra', 'host=~^[ab]'), ['disk;dc=iad;host=a1', 'disk;host=b2']);
  assert.deepEqual(found('dc!=~f.*', 'dc!='), ['disk;dc=iad;host=a1']);
  assert.deepEqual(found('host=~1'), []);
  assert.deepEqual(found('name=nothing'), []);
  assert.deepEqual(tags.tags(['name=load']), ['dc', 'host', 'name']);
  assert.deepEqual(tags.values('dc', []), [
    ['fra', 2],
    ['iad', 1],
  ]);
  assert.deepEqual(tags.values('dc', ['name=load']), [['fra', 1]]);
  assert.deepEqual(tags.values('none', []), []);
  assert.throws(() => found('host'), /no tag expression/);
  assert.throws(() => found('host=~('), /no regular expression/);
  // Words that every object has are tags that no series has.
  for (const word of ['constructor', '__proto__', 'toString']) {
    assert.deepEqual(found(`${word}=~x`), []);
    assert.deepEqual(tags.values(word, ['name=disk']), []);
  }
});

test('the index finds what a look at each series finds', () => {
  const tag = fc.constantFrom('a', 'b', 'c');
  const value = fc.constantFrom('', 'x', 'y', 'xy');
  const expression = fc.tuple(tag, fc.constantFrom('=', '!=', '=~', '!=~'), value);
  const series = fc.dictionary(tag, fc.constantFrom('x', 'y', 'xy'), { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(series, { maxLength: 20 }), fc.array(expression, { maxLength: 3 }), (all, expressions) => {
      const names = [
        ...new Set(all.map((tags, at) => [`s${at}`, ...Object.entries(tags).map(([key, held]) => `${key}=${held}`)].join(';'))),
      ];
      const passes = (name: string): boolean =>
        expressions.every(([key, operator, wanted]) => {
          const held = new RegExp(`;${key}=([^;]*)`).exec(name)?.[1] ?? '';
          const is = operator.endsWith('~') ? held.startsWith(wanted) : held === wanted;
          return is !== operator.startsWith('!');
        });
      const found = index(names).find(expressions.map((parts) => parts.join('')));
      assert.deepEqual(found.map(({ name }) => name).sort(), names.filter(passes).sort());
    }),
    { seed: 6, numRuns: 300 },
  );
});
