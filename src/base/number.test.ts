import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { formatE, formatG } from './number.js';

test('as printf prints', () => {
  const values = [
    0,
    -0,
    1,
    -1,
    0.1,
    1 / 3,
    1e-4,
    1e-5,
    123456,
    1234567,
    1e21,
    5e-324,
    1.7976931348623157e308,
    26.87,
    -44.51,
    1e15,
    99999.95,
  ];
  const formats: [string, (value: number) => string][] = [
    ['%g', (value) => formatG(value, 6)],
    ['%.17g', (value) => formatG(value, 17)],
    ['%.1g', (value) => formatG(value, 1)],
    ['%.10e', (value) => formatE(value, 10)],
  ];
  for (const [format, print] of formats) {
    const words = values.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
    const { stdout } = spawnSync('perl', ['-e', `printf("${format} ", $_) for @ARGV`, ...words], { encoding: 'utf8' });
    assert.deepEqual(
      values.map(print),
      stdout
        .trim()
        .split(' ')
        .map((text, index) => (Object.is(values[index], -0) ? `-${text.replace('-', '')}` : text)),
      format,
    );
  }
});

test('not a number, infinities', () => {
  assert.deepEqual(
    [Number.NaN, Infinity, -Infinity].map((value) => formatG(value, 6)),
    ['nan', 'inf', '-inf'],
  );
  assert.deepEqual(
    [Number.NaN, Infinity, -Infinity].map((value) => formatE(value, 6)),
    ['nan', 'inf', '-inf'],
  );
});
