// Entities: what of a body is kept and how it is typed, what is refused and by which code, and that what is kept comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BadEntity, etagOf, propertiesOf, readEntity, readMembers, storedOf, ticksOf, timestampOf } from './entity.js';

const kept = (body: string): string => storedOf(readEntity(body).properties);

test('a body is kept with the types that JSON does not tell', () => {
  const rows: readonly [string, string][] = [
    ['{"a":1,"b":1.0,"c":1e3,"d":"x","e":true,"f":null}', '{"a":1,"b":1.0,"c":1e3,"d":"x","e":true}'],
    ['{"a":3000000000}', '{"a":3000000000.0}'],
    ['{"a@odata.type":"Edm.Double","a":3}', '{"a":3.0}'],
    ['{"a@odata.type":"Edm.Double","a":"-INF"}', '{"a@odata.type":"Edm.Double","a":"-Infinity"}'],
    ['{"a":"5","a@odata.type":"Edm.Int32"}', '{"a":5}'],
    ['{"a":5,"a@odata.type":"Edm.Int64"}', '{"a@odata.type":"Edm.Int64","a":"5"}'],
    ['{"a":"true","a@odata.type":"Edm.Boolean"}', '{"a":true}'],
    ['{"a":"2026-11-24T10:00:00Z","a@odata.type":"Edm.DateTime"}', '{"a@odata.type":"Edm.DateTime","a":"2026-11-24T10:00:00Z"}'],
    ['{"PartitionKey":"p","RowKey":"r","Timestamp":"x","odata.etag":"y","a":"\\u0041\\"\\\\"}', '{"a":"A\\"\\\\"}'],
    [' { "a" : [1] } '.replace('[1]', '-0.5'), '{"a":-0.5}'],
  ];
  for (const [body, stored] of rows) {
    assert.equal(kept(body), stored, body);
    assert.equal(storedOf(propertiesOf(stored)), stored);
  }
});

test('what is refused, by its code', () => {
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 253 }, (_, index) => [`p${index}`, index])));
  const rows: readonly [string, string][] = [
    ['', 'InvalidInput'],
    ['[]', 'InvalidInput'],
    ['{"a":{"b":1}}', 'InvalidInput'],
    ['{"a":[1]}', 'InvalidInput'],
    ['{"a":1,"a":2}', 'DuplicatePropertiesSpecified'],
    ['{"PartitionKey":5}', 'InvalidInput'],
    ['{"a":"x","a@odata.type":"Edm.Int32"}', 'InvalidInput'],
    ['{"a":"9223372036854775808","a@odata.type":"Edm.Int64"}', 'InvalidInput'],
    ['{"a":"x","a@odata.type":"Edm.DateTime"}', 'InvalidInput'],
    ['{"a":"x","a@odata.type":"Edm.Guid"}', 'InvalidInput'],
    ['{"a":"?","a@odata.type":"Edm.Binary"}', 'InvalidInput'],
    ['{"a":"x","a@odata.type":"Edm.Stream"}', 'InvalidInput'],
    ['{"a":"x","a@odata.type":7}', 'InvalidInput'],
    ['{"a b":1}', 'PropertyNameInvalid'],
    ['{"":1}', 'PropertyNameInvalid'],
    [`{"${'a'.repeat(256)}":1}`, 'PropertyNameTooLong'],
    [JSON.stringify({ a: 'x'.repeat(32_769) }), 'PropertyValueTooLarge'],
    [JSON.stringify({ a: 'A'.repeat(100_000), 'a@odata.type': 'Edm.Binary' }), 'PropertyValueTooLarge'],
    [many, 'TooManyProperties'],
  ];
  for (const [body, code] of rows)
    assert.throws(
      () => readEntity(body),
      (error) => error instanceof BadEntity && error.code === code,
      body.slice(0, 60),
    );
});

test('the members of any flat object are found, each with its own text', () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), value), fc.constantFrom(undefined, 1, '\t'), (object, space) => {
      const found = [...readMembers(JSON.stringify(object, undefined, space))].map(([name, json]) => [name, JSON.parse(json)]);
      assert.deepEqual(found, Object.entries(JSON.parse(JSON.stringify(object))));
    }),
    { seed: 20261124 },
  );
  for (const text of ['{"a":1', '{"a"}', '{,}', '{"a":"\\"}', 'nul']) assert.throws(() => readMembers(text), BadEntity, text);
});

test('times', () => {
  assert.equal(timestampOf(1_795_540_000_123_456), '2026-11-24T17:06:40.1234560Z');
  assert.equal(etagOf(1_795_540_000_123_456), 'W/"datetime\'2026-11-24T17%3A06%3A40.1234560Z\'"');
  assert.equal(ticksOf('2026-11-24T17:06:40.12Z'), '2026-11-24T17:06:40.1200000');
  for (const text of ['', 'now', '2026-13-01', '2026-11-24T25:00:00Z', '2026-11-24 10:00']) assert.equal(ticksOf(text), undefined, text);
});
