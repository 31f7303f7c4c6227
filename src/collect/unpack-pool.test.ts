/** Blocks unpacked by workers: each answer is that of its block, damaged ones are faults, and the pool stops when it is told to. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Codec } from '../base/block-codecs.js';
import { Fault } from '../base/faults.js';
import { UnpackPool } from './unpack-pool.js';

const samples = readFileSync(new URL('../../src/base/block-codecs.samples.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [Codec, string])
  .map(([codec, text]) => ({ codec, data: Buffer.from(text, 'base64') }));
const sizeMax = 1 << 20;
const block = ({ codec, data }: (typeof samples)[number], cut = 0) => ({
  codec,
  packed: new Uint8Array(data.subarray(0, data.length - cut)),
  sizeMax,
});

test('many blocks under way: each answer is that of its block, damaged ones among them are faults', async () => {
  const pool = new UnpackPool(3);
  try {
    assert.equal(pool.ahead, 6);
    const once: (Uint8Array | Fault)[] = [];
    for (const sample of samples) once.push(await pool.unpack(block(sample)));
    assert.ok(once.every((data) => data instanceof Uint8Array));
    const rounds = Array.from({ length: 60 }, (_, index) => index);
    const answers = await Promise.all(
      rounds.map((index) => pool.unpack(block(samples[index % samples.length] as never, index % 5 === 4 ? 3 : 0))),
    );
    for (const [index, answer] of answers.entries()) {
      if (index % 5 === 4) assert.ok(answer instanceof Fault, `block ${index}`);
      else assert.deepEqual(answer, once[index % samples.length], `block ${index}`);
    }
  } finally {
    await pool.close();
  }
});

test('a block larger than it may be is a fault; without workers there is no pool', async () => {
  const pool = new UnpackPool(1);
  const [, , sample] = samples;
  try {
    assert.ok((await pool.unpack({ ...block(sample as never), sizeMax: 100 })) instanceof Fault);
    assert.ok((await pool.unpack(block(sample as never))) instanceof Uint8Array);
  } finally {
    await pool.close();
  }
  assert.equal(new UnpackPool(0).ahead, 0);
});
