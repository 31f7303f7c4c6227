// Records as they come in: the usual line and every other are read alike; what is refused says which line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Malformed } from '../base/faults.js';
import { readRecords } from './records-in.js';

test('keys first or last, plain or not: the same records', () => {
  const text = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom('a', '7', ' ', '"', '\\', 'é', '😀', '/', '\u0001') });
  const fields = fc.dictionary(
    fc.constantFrom('a', 'text', '__proto__', 'é'),
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)),
  );
  fc.assert(
    fc.property(text, text, text, fields, (table, partition, row, own) => {
      const first = JSON.stringify({ table, partition, row, ...own });
      const last = JSON.stringify({ ...own, row, partition, table });
      const [one, two] = readRecords(`${first}\n\r\n${last}\r\n`, undefined);
      for (const put of [one, two])
        assert.deepEqual(
          { ...put, value: JSON.parse(put?.value ?? '') },
          { table, partition, row, value: JSON.parse(JSON.stringify(own)) },
        );
    }),
    { seed: 20261124 },
  );
});

test('tables by default, deletes, keys that come twice', () => {
  const read = (line: string): unknown => readRecords(line, 'other')[0];
  assert.deepEqual(read('{"partition":"p","row":"r","x":1}'), { table: 'other', partition: 'p', row: 'r', value: '{"x":1}' });
  assert.deepEqual(read('{"table":"t","partition":"p","row":"r"}'), { table: 't', partition: 'p', row: 'r', value: '{}' });
  assert.deepEqual(read('{"table":"t","partition":"p","row":"r","x":1.0}  '), { table: 't', partition: 'p', row: 'r', value: '{"x":1.0}' });
  assert.deepEqual(read('{"table":"t","partition":"p","row":"r","deleted":true}'), {
    table: 't',
    partition: 'p',
    row: 'r',
    value: undefined,
  });
  assert.deepEqual(read('{"table":"t","partition":"p","row":"r","row":"s"}'), { table: 't', partition: 'p', row: 's', value: '{}' });
});

test('what is refused', () => {
  for (const line of [
    '{"table":"t","partition":"p","row":"r",}',
    '{"table":"t","partition":"p","row":"r"} x',
    '{"table":"t","partition":"p","row":"r","x":1',
    '{"table":"t","partition":"p"}',
    '{"table":"","partition":"p","row":"r"}',
    JSON.stringify({ table: 't', partition: 'p', row: 'r'.repeat(1025) }),
    JSON.stringify({ table: 't', partition: 'p'.repeat(1000), row: 'r'.repeat(1000) }),
    JSON.stringify({ table: 't', partition: 'p', row: 'r', x: 'x'.repeat(1 << 20) }),
    JSON.stringify({ table: 't', partition: 'p\0', row: 'r' }),
  ])
    assert.throws(
      () => readRecords(`{"table":"t","partition":"p","row":"r"}\n${line}`, undefined),
      (error) => error instanceof Malformed && error.message.startsWith('line 2: '),
    );
});
