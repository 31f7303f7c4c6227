import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatAddress } from '../base/address.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { formatInstant } from '../base/time.js';
import { compileFilter } from './filter.js';
import { type ColumnPart, partColumns } from './format.js';
import { readFlows } from './open.js';

const data = (name: string): string => fileURLToPath(new URL(`../../test/data/nfcapd/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-nfcapd-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const files = [
  'v2-wechat-none',
  'v2-anyconnect-vpn-lz4',
  'v2-starcraft_battle-bz2',
  'v2-whatsapp_login_call-lzo',
  'v2-android-zstd',
  'v1-wechat-none',
  'v1-starcraft_battle-lzo',
  'v1-android-bz2',
  'v1-zeek-wikipedia-lz4',
];
const flagBits = 'CEUAPRSF';

interface Row {
  first: string;
  last: string;
  in_packets: number;
  in_bytes: number;
  proto: number;
  tcp_flags?: string;
  src_port?: number;
  dst_port?: number;
  icmp_type?: number;
  icmp_code?: number;
  src_tos: number;
  src4_addr?: string;
  dst4_addr?: string;
  src6_addr?: string;
  dst6_addr?: string;
  input_snmp?: number;
  output_snmp?: number;
  src_as?: number;
  dst_as?: number;
}

for (const name of files) {
  test(`${name}: every field of every record as nfdump has it`, async () => {
    const wanted = JSON.parse(readFileSync(data(`${name}.json`), 'utf8')) as Row[];
    const reading = readFlows([data(`${name}.nfcapd`)]);
    let index = 0;
    for await (const batch of reading.batches()) {
      for (let row = 0; row < batch.count; row++) {
        const want = wanted[index++] as Row;
        const time = (seconds: Uint32Array, nanos: Uint32Array): string =>
          formatInstant({ seconds: seconds[row] ?? 0, nanos: nanos[row] ?? 0 }).slice(0, 23);
        const family = batch.family[row] ?? 0;
        const flags = [...flagBits].map((letter, bit) => (((batch.flags[row] ?? 0) >> (7 - bit)) & 1 ? letter : '.')).join('');
        const dport = batch.dport[row] ?? 0;
        assert.deepEqual(
          [
            time(batch.firstSeconds, batch.firstNanos),
            time(batch.lastSeconds, batch.lastNanos),
            batch.packets[row],
            batch.bytes[row],
            batch.proto[row],
            flags,
            batch.tos[row],
          ],
          [want.first, want.last, want.in_packets, want.in_bytes, want.proto, want.tcp_flags ?? '........', want.src_tos],
        );
        assert.deepEqual(
          [formatAddress(batch.src, row * 16, family), formatAddress(batch.dst, row * 16, family)],
          [want.src4_addr ?? want.src6_addr ?? '', want.dst4_addr ?? want.dst6_addr ?? ''],
        );
        if (want.icmp_type !== undefined) assert.equal(dport, want.icmp_type * 256 + (want.icmp_code ?? 0));
        else assert.deepEqual([batch.sport[row], dport], [want.src_port ?? 0, want.dst_port ?? 0]);
        assert.deepEqual(
          [batch.inIf[row], batch.outIf[row], batch.srcAs[row], batch.dstAs[row]],
          [want.input_snmp ?? 0, want.output_snmp ?? 0, want.src_as ?? 0, want.dst_as ?? 0],
        );
      }
    }
    assert.deepEqual([index, reading.rejected.size, reading.failures.length], [wanted.length, 0, 0]);
  });

  test(`${name}: filters count what nfdump counts`, async () => {
    const { filters, stat } = JSON.parse(readFileSync(data(`${name}.index.json`), 'utf8')) as {
      stat: { Flows: number };
      filters: { filter: string; flows: number; packets: number; bytes: number }[];
    };
    for (const { filter, flows, packets, bytes } of [...filters, { filter: 'any', flows: stat.Flows, packets: -1, bytes: -1 }]) {
      const passes = compileFilter(filter);
      const got = { flows: 0, packets: 0, bytes: 0 };
      for await (const batch of readFlows([data(`${name}.nfcapd`)]).batches()) {
        const keep = new Uint32Array(batch.count);
        batch.select(keep, passes(batch, keep));
        got.flows += batch.count;
        for (let row = 0; row < batch.count; row++) {
          got.packets += batch.packets[row] ?? 0;
          got.bytes += batch.bytes[row] ?? 0;
        }
      }
      assert.equal(got.flows, flows, filter);
      if (packets >= 0) assert.deepEqual(got, { flows, packets, bytes }, filter);
    }
  });

  test(`${name}: cut at any offset or with bits flipped, it never crashes and never counts more than there is`, async () => {
    const whole = readFileSync(data(`${name}.nfcapd`));
    const path = join(folder, `${name}.nfcapd`);
    const countOf = async (bytes: Uint8Array): Promise<{ rows: number; said: boolean }> => {
      writeFileSync(path, bytes);
      const reading = readFlows([path]);
      let rows = 0;
      for await (const batch of reading.batches()) rows += batch.count;
      return { rows, said: reading.failures.length > 0 || reading.rejected.size > 0 };
    };
    const { rows: all } = await countOf(whole);
    for (let cut = 1; cut < whole.length; cut += Math.max(1, Math.floor(whole.length / 150))) {
      const { rows, said } = await countOf(whole.subarray(0, cut));
      assert.ok(rows < all ? said || cut === 40 : rows === all, `cut at ${cut}: ${rows} rows`);
    }
    for (let at = 0; at < whole.length; at += Math.max(1, Math.floor(whole.length / 150))) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      assert.ok((await countOf(flipped)).rows <= all + 64, `bit at ${at}`);
    }
  });
}

test('parts of the columns are those of the whole record, in whole, cut and damaged files', async () => {
  const parts: readonly ColumnPart[] = ['times', 'ports', 'addresses', 'reverse'];
  const columnsOf = (wanted: readonly ColumnPart[]): string[] => ['packets', 'bytes', ...wanted.flatMap((part) => partColumns[part])];
  const figureOf = (batch: FlowBatch, name: string, row: number): string => {
    const column = batch[name as 'src'] ?? [];
    return name === 'src' || name === 'dst'
      ? Buffer.from(column.subarray(row * 16, row * 16 + 16)).toString('hex')
      : String(column[row] ?? 0);
  };
  const read = async (path: string, wanted: readonly ColumnPart[], isWhole = false) => {
    const said: string[] = [];
    const reading = readFlows([path], {
      ...(isWhole ? {} : { wanted }),
      onReject: ({ offset, cause, count }) => said.push(`${offset} ${cause} ${count}`),
    });
    const rows: string[] = [];
    for await (const batch of reading.batches()) {
      for (let row = 0; row < batch.count; row++)
        rows.push(
          columnsOf(wanted)
            .map((name) => figureOf(batch, name, row))
            .join(),
        );
    }
    return { rows, said, failures: reading.failures.map(({ line }) => line) };
  };
  for (const [number, name] of files.entries()) {
    const bytes = readFileSync(data(`${name}.nfcapd`));
    const path = join(folder, 'counters.nfcapd');
    let state = 11;
    for (let round = 0; round < 40; round++) {
      const damaged = Uint8Array.from(round % 4 === 3 ? bytes.subarray(0, Math.floor((bytes.length * round) / 40)) : bytes);
      for (let flip = 0; flip < round && round % 4 !== 3; flip++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        damaged[(state >>> 8) % damaged.length] = state >>> 3;
      }
      writeFileSync(path, damaged);
      // Each set of parts comes in its turn.
      for (const bits of [round % 16, (round * 7 + number) % 16]) {
        const wanted = parts.filter((_, bit) => (bits & (1 << bit)) !== 0);
        assert.deepEqual(await read(path, wanted), await read(path, wanted, true), `${name} ${round} ${wanted}`);
      }
    }
  }
});
