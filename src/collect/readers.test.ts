import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { formatAddress } from '../base/address.js';
import { formatInstant } from '../base/time.js';
import { compileFilter } from './filter.js';
import { type FlowReading, type OpenOptions, readFlows } from './open.js';

const data = (path: string): string => fileURLToPath(new URL(`../../test/data/${path}`, import.meta.url));
const samples = fileURLToPath(new URL('../../samples/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-readers-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Row {
  first: string;
  last: string;
  src: string;
  dst: string;
  sport: number;
  dport: number;
  proto: number;
  flags: number;
  packets: number;
  bytes: number;
  number: number;
}

async function rowsOf(path: string, options: OpenOptions = {}): Promise<{ rows: Row[]; reading: FlowReading }> {
  const reading = readFlows([path], options);
  const rows: Row[] = [];
  for await (const batch of reading.batches()) {
    for (let row = 0; row < batch.count; row++) {
      const family = batch.family[row] ?? 0;
      rows.push({
        first: formatInstant({ seconds: batch.firstSeconds[row] ?? 0, nanos: batch.firstNanos[row] ?? 0 }),
        last: formatInstant({ seconds: batch.lastSeconds[row] ?? 0, nanos: batch.lastNanos[row] ?? 0 }),
        src: formatAddress(batch.src, row * 16, family),
        dst: formatAddress(batch.dst, row * 16, family),
        sport: batch.sport[row] ?? 0,
        dport: batch.dport[row] ?? 0,
        proto: batch.proto[row] ?? 0,
        flags: batch.flags[row] ?? 0,
        packets: batch.packets[row] ?? 0,
        bytes: batch.bytes[row] ?? 0,
        number: batch.number[row] ?? 0,
      });
    }
  }
  return { rows, reading };
}

test('the university CSV gives the totals listed', async () => {
  const wanted = JSON.parse(readFileSync(data('flow-csv/uo-style-flows-a.expected.json'), 'utf8')) as {
    rows: number;
    packets: number;
    bytes: number;
    ipv6Rows: number;
    byProto: Record<string, { rows: number; packets: number; bytes: number }>;
  };
  const { rows } = await rowsOf(data('flow-csv/uo-style-flows-a.csv'));
  assert.equal(rows.length, wanted.rows);
  const sum = (list: Row[], of: (row: Row) => number): number => list.reduce((total, row) => total + of(row), 0);
  assert.deepEqual([sum(rows, (row) => row.packets), sum(rows, (row) => row.bytes)], [wanted.packets, wanted.bytes]);
  assert.equal(rows.filter((row) => row.src.includes(':')).length, wanted.ipv6Rows);
  for (const [proto, counts] of Object.entries(wanted.byProto)) {
    const own = rows.filter((row) => row.proto === Number(proto));
    assert.deepEqual(
      { rows: own.length, packets: sum(own, (row) => row.packets), bytes: sum(own, (row) => row.bytes) },
      counts,
      `protocol ${proto}`,
    );
  }
});

interface Nfdump {
  first: string;
  proto: number;
  src_port: number;
  dst_port: number;
  in_packets: number;
  in_bytes: number;
  src4_addr?: string;
  dst4_addr?: string;
  src6_addr?: string;
  dst6_addr?: string;
}

for (const name of ['v2-android-zstd', 'v1-wechat-none', 'v2-whatsapp_login_call-lzo']) {
  test(`nfdump's CSV of ${name}: the records of its JSON`, async () => {
    const wanted = JSON.parse(readFileSync(data(`nfdump-csv/${name}.json`), 'utf8')) as Nfdump[];
    const { rows, reading } = await rowsOf(data(`nfdump-csv/${name}.csv`));
    assert.equal(reading.rejected.size, 0);
    assert.equal(rows.length, wanted.length);
    // nfdump 1.7.1 cuts the times of its CSV to seconds.
    const cut = rows.every((row) => row.first.endsWith('.000Z')) ? 19 : 23;
    const line = (row: unknown[]): string => row.join(' ');
    const hasPorts = (proto: number): boolean => proto === 6 || proto === 17;
    assert.deepEqual(
      rows
        .map((row) =>
          line([
            row.first.slice(0, cut),
            row.src,
            row.dst,
            hasPorts(row.proto) ? [row.sport, row.dport] : '',
            row.proto,
            row.packets,
            row.bytes,
          ]),
        )
        .sort(),
      wanted
        .map((row) =>
          line([
            row.first.slice(0, cut),
            row.src4_addr ?? row.src6_addr,
            row.dst4_addr ?? row.dst6_addr,
            hasPorts(row.proto) ? [row.src_port, row.dst_port] : '',
            row.proto,
            row.in_packets,
            row.in_bytes,
          ]),
        )
        .sort(),
    );
  });
}

for (const name of ['v1-wechat-none', 'v2-whatsapp_login_call-lzo']) {
  test(`filters over ${name} count what nfdump counts`, async () => {
    const filters = JSON.parse(readFileSync(data(`nfdump-csv/${name}.filters.json`), 'utf8')) as {
      filter: string;
      flows: number;
      packets: number;
      bytes: number;
    }[];
    assert.ok(filters.length > 5);
    for (const { filter, flows, packets, bytes } of filters) {
      // The CSV's times are cut to seconds.
      if (/duration|bps|pps/.test(filter)) continue;
      const passes = compileFilter(filter);
      const got = { flows: 0, packets: 0, bytes: 0 };
      for await (const batch of readFlows([data(`nfdump-csv/${name}.csv`)]).batches()) {
        const keep = new Uint32Array(batch.count);
        batch.select(keep, passes(batch, keep));
        got.flows += batch.count;
        for (let row = 0; row < batch.count; row++) {
          got.packets += batch.packets[row] ?? 0;
          got.bytes += batch.bytes[row] ?? 0;
        }
      }
      assert.deepEqual(got, { flows, packets, bytes }, filter);
    }
  });
}

test('the samples of each format hold the same flows', async () => {
  const { rows: wanted } = await rowsOf(join(samples, 'flows.csv'));
  assert.equal(wanted.length, 400);
  for (const name of ['flows.csv.gz', 'weir.csv']) assert.deepEqual((await rowsOf(join(samples, name))).rows, wanted, name);
  const { rows } = await rowsOf(join(samples, 'nfdump.csv'));
  assert.deepEqual(
    rows.map((row) => ({ ...row, flags: 0 })),
    wanted.map((row) => ({ ...row, flags: 0 })),
  );
});

test('a profile without addresses draws them by its seed', async () => {
  const path = join(samples, 'profile.csv');
  const [once, twice, other] = [await rowsOf(path, { seed: 1 }), await rowsOf(path, { seed: 1 }), await rowsOf(path, { seed: 2 })];
  assert.deepEqual(once.rows, twice.rows);
  assert.notDeepEqual(once.rows, other.rows);
  assert.ok(once.rows.every((row) => row.src.startsWith('10.') || row.src.startsWith('fd00:')));
});

test('any CSV by --columns, with units of time', async () => {
  const path = join(folder, 'own.csv');
  writeFileSync(path, 'ts,te,a,b,sp,dp,p,IN_PKTS,IN_BYTES\n1700000000123,1700000001000456,10.0.0.1,10.0.0.2,1,2,udp,3,300\n');
  const { rows } = await rowsOf(path, {
    columns: 'first=ts:ms,last=te:us,src=a,dst=b,sport=sp,dport=dp,proto=p,packets=IN_PKTS,bytes=IN_BYTES',
  });
  assert.deepEqual(
    [rows[0]?.first, rows[0]?.last, rows[0]?.proto, rows[0]?.packets],
    ['2023-11-14T22:13:20.123Z', '2023-11-14T22:13:21.000456Z', 17, 3],
  );
  assert.match((await rowsOf(path, { columns: 'nosuch=ts' })).reading.failures[0]?.message ?? '', /'nosuch' is no column/);
});

test('rows are numbered over all inputs; a folder is read in byte order', async () => {
  const inside = join(folder, 'set');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(inside);
  const lines = readFileSync(join(samples, 'flows.csv'), 'utf8').split('\n');
  writeFileSync(join(inside, 'b.csv'), `${lines.slice(2, 4).join('\n')}\n`);
  writeFileSync(join(inside, 'a.csv.gz'), gzipSync(`${lines[0]}\nbroken\n`));
  const { rows, reading } = await rowsOf(inside);
  assert.deepEqual(
    reading.files.map((path) => path.slice(inside.length + 1)),
    ['a.csv.gz', 'b.csv'],
  );
  assert.deepEqual(
    rows.map((row) => row.number),
    [1, 3, 4],
  );
  assert.deepEqual((await rowsOf(join(inside, '*.csv'))).rows.length, 2);
  assert.ok(readdirSync(inside).length === 2);
});

test('cut anywhere, with bits flipped: never a crash, and the rows before the damage stay as they are', async () => {
  const whole = readFileSync(join(samples, 'flows.csv')).subarray(0, 1500);
  const { rows: wanted } = await rowsOf(put(whole));
  for (let cut = 200; cut < whole.length; cut += 7) {
    const { rows } = await rowsOf(put(whole.subarray(0, cut)));
    const complete = whole.subarray(0, cut).toString().split('\n').length - 1;
    assert.deepEqual(rows.slice(0, complete), wanted.slice(0, complete), `cut at ${cut}`);
    assert.ok(rows.length <= complete + 1);
  }
  for (let at = 0; at < whole.length; at += 11) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    const { rows, reading } = await rowsOf(put(flipped));
    const rejected = [...reading.rejected.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(reading.failures.length > 0 || rows.length + rejected >= wanted.length - 1, `bit at ${at}`);
  }
  function put(bytes: Uint8Array): string {
    const path = join(folder, 'fuzz.csv');
    writeFileSync(path, bytes);
    return path;
  }
});
