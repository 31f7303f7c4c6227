import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../base/address.js';
import { Fault } from '../base/faults.js';
import { FlowBatch } from '../base/flow-batch.js';
import { compileFilter } from './filter.js';

const seed = 5;
const whole = `proto tcp and (src net 10.0.0.0/8 or dst port in [80, 443]) # the web
  and not flags S and !(src or dst host ::1 && bytes > 10k) || icmp-type 8 or in if 3 and next ip 10.0.0.1 or duration <= 0x10 or flags 2`;

function rowsOf(pairs: readonly (readonly [src: string, dst: string])[]): FlowBatch {
  const batch = new FlowBatch(pairs.length, ['nextHop']);
  pairs.forEach(([src, dst], row) => {
    parseAddress(src, batch.src, row * 16);
    batch.family[row] = parseAddress(dst, batch.dst, row * 16);
    batch.number[row] = row + 1;
  });
  batch.count = pairs.length;
  return batch;
}

function passing(filter: string, batch: FlowBatch): number[] {
  const keep = new Uint32Array(batch.count);
  return [...keep.subarray(0, compileFilter(filter)(batch, keep))];
}

test('a filter cut at any place is read or refused with its place', () => {
  for (let end = 0; end <= whole.length; end++) {
    try {
      compileFilter(whole.slice(0, end));
    } catch (error) {
      ok(error instanceof Fault, `${end}: ${String(error)}`);
      ok((error.place.line ?? 0) >= 1 && (error.place.column ?? 0) >= 1);
      ok(/\(expected .+\)/.test(error.message), error.message);
    }
  }
});

test('random words and letters are read or refused with their place', () => {
  const words =
    'src dst ip net port proto tcp and or not ( ) [ ] in 1 10.0.0.1 10/8 flags S > = 5k bytes , / ! # \n as if any ::1 mpls label1 asa event denied @include \' " \0 é constructor __proto__'.split(
      ' ',
    );
  let state = seed;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
  let parsed = 0;
  for (let round = 0; round < 10_000; round++) {
    const text =
      round % 4 === 0
        ? whole.slice(0, random(60)) + String.fromCharCode(random(256)) + whole.slice(random(whole.length))
        : Array.from({ length: 1 + random(8) }, () => words[random(words.length)]).join(' ');
    try {
      compileFilter(text);
      parsed++;
    } catch (error) {
      ok(error instanceof Fault, `${text}: ${String(error)}`);
      ok((error.place.column ?? 0) >= 1);
    }
  }
  ok(parsed > 50 && parsed < 9500, `${parsed} parsed`);
});

test('an error names the column and what was expected', () => {
  const cases: Record<string, RegExp> = {
    'src port blah': /^filter:1:10: 'blah' \(expected a number/,
    'proto tcp and\n  port 70000': /^filter:2:8: '70000' \(expected a number to 65535\)/,
    'proto tcp port 80': /^filter:1:11: 'port' \(expected and, or, or the end\)/,
    '(proto tcp': /^filter:1:11: the filter ends \(expected '\)'\)/,
    'ip example.org': /^filter:1:4: 'example.org' \(expected an IP address: names are not looked up\)/,
    'net 10.0.0.0/33': /^filter:1:5: '10.0.0.0\/33' \(expected a prefix length from 0 to 32\)/,
    'port in 80': /^filter:1:9: '80' \(expected '\['\)/,
    'flags SZ': /^filter:1:7: 'sz' \(expected flags/,
    'src packets 3': /^filter:1:5: 'packets' \(expected ip, host, net, port, .* behind 'src'\)/,
    'payload content "x"': /^filter:1:1: 'payload' \(expected a field that flow records hold here\)/,
    'proto 256': /^filter:1:7: '256' \(expected a protocol/,
  };
  for (const [filter, line] of Object.entries(cases)) {
    throws(
      () => compileFilter(filter),
      (error) => error instanceof Fault && line.test(error.line) && error.line.length < 200,
      filter,
    );
  }
});

test('deep nesting is refused, long chains and lists of 100,000 are read', () => {
  for (const text of ['('.repeat(100_000), 'not '.repeat(100_000), '!('.repeat(50_000)])
    throws(() => compileFilter(text), /expected at most 1000 levels/);
  const nested = `${'('.repeat(900)}any${')'.repeat(900)}`;
  const batch = rowsOf([
    ['10.1.2.3', '192.0.2.1'],
    ['10.255.255.255', '192.0.2.1'],
  ]);
  deepEqual(passing(nested, batch), [0, 1]);
  deepEqual(passing(Array.from({ length: 100_000 }, () => 'not any').join(' or '), batch), []);
  const hosts = Array.from({ length: 100_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  deepEqual(passing(`ip in [${hosts.join(' ')}]`, batch), [0]);
  deepEqual(passing(`src port in [${hosts.map((_, index) => index % 65536).join(',')}]`, batch), [0, 1]);
  deepEqual(passing(`src as in [${hosts.map((_, index) => index + 1).join(',')}]`, batch), []);
  throws(() => compileFilter(`port in [${'1 '.repeat(1_100_000)}]`), /expected at most 1048576 values/);
});

test('networks that overlap, IPv4 in IPv6, and what is unknown', () => {
  const batch = rowsOf([
    ['10.0.0.1', '10.0.0.2'],
    ['2001:db8::1', 'fe80::7'],
    ['::', '::a00:1'],
    ['0.0.0.0', '255.255.255.255'],
  ]);
  deepEqual(passing('ip in [10.0.0.0/8 10.0.0.1 10.0.0.0/31]', batch), [0, 2]);
  deepEqual(passing('src ip 10.0.0.1', batch), [0]);
  deepEqual(passing('net 2001:db8::/32 or ip fe80::7', batch), [1]);
  deepEqual(passing('net ::/0', batch), [0, 1, 2, 3]);
  deepEqual(passing('ip 0.0.0.0', batch), [2, 3]);
  deepEqual(passing('net 10/8', batch), [0, 2]);
  deepEqual(passing('net 10.0.0.0 255.0.0.0', batch), [0, 2]);
  deepEqual(passing('next ip 0.0.0.0', batch), [0, 1, 2, 3]);
  deepEqual(passing('router ip 10.0.0.1', batch), []);
  deepEqual(passing('inet6', batch), [1, 2]);
});

test('`not` turns letters of flags from all to any, as in nfdump', () => {
  const batch = rowsOf([
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.1', '10.0.0.2'],
  ]);
  batch.proto.set([6, 6, 17]);
  batch.flags.set([0x02, 0x12, 0x02]);
  deepEqual(passing('flags S', batch), [0, 1]);
  deepEqual(passing('flags S and not flags AFRPU', batch), [0]);
  deepEqual(passing('not not flags SA', batch), [1]);
  deepEqual(passing('flags 2', batch), [0]);
  deepEqual(passing('flags > 2', batch), [1]);
});

test('words are told apart by their place, not by their case', () => {
  const batch = rowsOf([['10.0.0.1', '10.0.0.2']]);
  batch.bytes[0] = 1000;
  for (const filter of [
    'BYTES = 1K',
    'bytes 1k',
    'bytes EQ 1000',
    'bytes==1000',
    'Src IP 10.0.0.1',
    'dst or src host 10.0.0.2',
    '',
    '# nothing',
    'count 1',
  ])
    equal(passing(filter, batch).length, 1, filter);
});
