/** Samples as JSON: every shape that is taken, every cause of a reject, and that neighbours are kept. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJsonSamples } from './json-samples.js';

function read(text: string): { samples: unknown[]; rejected: string[]; count: number } {
  const samples: unknown[] = [];
  const rejected: string[] = [];
  const count = readJsonSamples(text, {
    sample: (...sample) => samples.push(sample),
    reject: (cause) => rejected.push(cause),
  });
  return { samples, rejected, count };
}

test('lines, arrays, and the answers of a query', () => {
  const line = '{"name":"a.b","value":1.5,"time":"2026-11-23T17:40:27Z","tags":{"name":"a.b","rack":"a1"},"weight":10}';
  const sample = ['a.b;rack=a1', 1_795_455_627, 1.5, 10];
  assert.deepEqual(read(line).samples, [sample]);
  assert.deepEqual(read(`[${line}, ${line}]`).samples, [sample, sample]);
  assert.deepEqual(read('{"metric":"a","value":"2","timestamp":1795455627000}\n\n{"target":"b","value":3}').samples, [
    ['a', 1_795_455_627, 2, 1],
    ['b', -1, 3, 1],
  ]);
  assert.deepEqual(read('[{"target":"a","tags":{"name":"a"},"datapoints":[[1,10],[null,20],[2,30]]}]'), {
    samples: [
      ['a', 10, 1, 1],
      ['a', 30, 2, 1],
    ],
    rejected: [],
    count: 2,
  });
});

test('what is no sample is rejected by cause, its neighbours are kept', () => {
  for (const [text, cause] of [
    ['{oh', 'json'],
    ['3', 'json'],
    ['{"value":1}', 'name'],
    ['{"name":"a b","value":1}', 'name'],
    ['{"name":"a"}', 'value'],
    ['{"name":"a","value":null}', 'value'],
    ['{"name":"a","value":"NaN"}', 'nan'],
    ['{"name":"a","value":1,"time":"soon"}', 'time'],
    ['{"name":"a","value":1,"weight":0}', 'weight'],
    ['{"name":"a","value":1,"tags":{"x":"a;b"}}', 'tags'],
    ['{"name":"a","datapoints":[7]}', 'value'],
  ] as const) {
    const { samples, rejected } = read(`{"name":"before","value":1}\n${text}\n{"name":"after","value":2}`);
    assert.deepEqual(rejected, [cause], text);
    assert.equal(samples.length, 2, text);
  }
});

test('any text is read without a fault', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => read(text).count >= 0));
});
