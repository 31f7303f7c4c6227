import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Identities } from './identities.js';

test('what came is known and nothing else, in any order; numbered ones become runs; written and read they are the same', () => {
  const identity = fc.oneof(
    fc
      .tuple(fc.constantFrom('key:a-', 'key:b', 'x1-', ''), fc.integer({ min: 0, max: 30 }))
      .map(([series, number]) => `${series}${number}`),
    fc.constantFrom('key:a-', 'key:a-007', 'file:ab12cd', '17', 'key:a-9007199254740993', 'line\n5'),
  );
  fc.assert(
    fc.property(fc.array(identity, { maxLength: 60 }), fc.array(identity, { maxLength: 60 }), (came, asked) => {
      const known = new Identities();
      for (const one of came) known.add(one, 5);
      const again = new Identities();
      again.read(JSON.parse(JSON.stringify(known.written())));
      for (const one of [...came, ...asked]) {
        equal(known.has(one), came.includes(one), one);
        equal(again.has(one), came.includes(one), one);
      }
    }),
  );
});

test('a million batches of one sender take one run; old ones go', () => {
  const known = new Identities();
  for (let number = 1; number <= 1_000_000; number++) known.add(`ship-${number}`, number);
  known.add('ship-1000002', 1_000_002);
  known.add('file:abcdef', 7);
  deepEqual(known.written(), { ids: [['file:abcdef', 7]], runs: [['ship-', 1_000_002, 1, 1_000_000, 1_000_002, 1_000_002]] });
  known.dropBefore(8);
  deepEqual([known.has('file:abcdef'), known.has('ship-1'), known.has('ship-1000001')], [false, true, false]);
  known.dropBefore(2_000_000);
  equal(known.has('ship-1'), false);
});
