import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, parseAddress } from './address.js';
import { RowWriter } from './row-writer.js';

const bytes = new Uint8Array(16);

test('addresses as RFC 5952 prints them', () => {
  const rows: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::', '::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['1::', '1::'],
  ];
  for (const [text, printed] of rows) assert.equal(formatAddress(bytes, 0, parseAddress(text, bytes)), printed, text);
});

test('what is no address is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '2001:db8::zz',
    '1::2::3',
    '12345::',
    ' 1.2.3.4',
    'fe80::1%eth0',
  ]) {
    assert.equal(parseAddress(text, bytes), 0, text);
  }
});

test('any address prints and parses back to its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (raw) => {
      const back = new Uint8Array(16);
      assert.equal(parseAddress(formatAddress(raw, 0, 6), back), 6);
      assert.deepEqual(back, raw);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('agrees with node on random texts', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: fc.constantFrom(...'0123456789abcf:.'), maxLength: 20 })), (text) => {
      assert.equal(parseAddress(text, bytes), isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0, text);
    }),
    { seed: 2, numRuns: 2000 },
  );
});

test('addresses are written as bytes as they are as texts', () => {
  const seed = 20261127;
  const writer = new RowWriter(64);
  const group = fc.constantFrom(0, 0, 0, 1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff);
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.boolean(), (groups, isMapped) => {
      const bytes = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 255]));
      if (isMapped) bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
      for (const family of [4, 6, 0] as const) {
        writer.address(bytes, 0, family);
        assert.equal(writer.take().toString('latin1'), formatAddress(bytes, 0, family));
      }
    }),
    { seed, numRuns: 3000 },
  );
});
