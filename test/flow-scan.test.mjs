// Filters asked of the bytes of nfcapd records, before there are columns, beside the same filters over columns: the same rows with the same
// figures, the same rejects, from whole files, from damaged ones and from numbers at the ends of what columns hold.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compileFilter } from '../dist/collect/filter.js';
import { bothParts, partColumns } from '../dist/collect/format.js';
import { rowProgram } from '../dist/collect/nfcapd-filter.js';
import { readFlows } from '../dist/collect/open.js';
import { generator, makeFilter } from './filter-cases.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const folder = mkdtempSync(join(tmpdir(), 'weir-scan-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const rich = join(folder, 'rich.nfcapd');
writeRichNfcapd(rich, { flows: 1500, seed: 9 });
const shared = (name) => fileURLToPath(new URL(`data/nfcapd/${name}.nfcapd`, import.meta.url));
const parts = Object.keys(partColumns);
const values = {
  addresses: ['10.0.0.1', '10.0.1.7', '192.168.1.3', '2001:db8::1', '::ffff:10.0.0.1', '0.0.0.0', '::'],
  ports: ['0', '53', '80', '443', '65535'],
  packets: ['1', '2', '1000', '9007199254740991'],
  bytes: ['28', '1000', '100000'],
  hops: ['10.0.0.1'],
  routers: ['127.0.0.1'],
};

// Rows as texts; `isGeneral`: all columns are read, and the filter is asked of them.
async function rowsOf(file, wanted, filter, isGeneral) {
  const said = [];
  const read = bothParts(wanted, filter.wanted);
  const reading = readFlows([file], {
    ...(isGeneral ? {} : { ...(read === undefined ? {} : { wanted: read }), rows: { filter, wanted } }),
    onReject: ({ offset, cause, count }) => said.push(`${offset} ${cause} ${count}`),
    onNotice: (text) => said.push(text),
  });
  const names = ['packets', 'bytes', ...wanted.flatMap((part) => partColumns[part])];
  const rows = [];
  let selected = 0;
  for await (const batch of reading.batches()) {
    const keep = Uint32Array.from({ length: batch.count }, (_, row) => row);
    const count = batch.isSelected ? batch.count : filter(batch, keep);
    if (batch.isSelected) selected += 1;
    for (const row of keep.subarray(0, count)) {
      const texts = names.map((name) => {
        const column = batch[name];
        return column === undefined
          ? '0'
          : name === 'src' || name === 'dst'
            ? column.slice(row * 16, row * 16 + 16).join(' ')
            : String(column[row]);
      });
      rows.push(texts.join());
    }
  }
  return { told: { rows, said, failures: reading.failures.map(({ line }) => line) }, selected };
}

async function check(file, text, random) {
  const filter = compileFilter(text);
  const wanted = parts.filter(() => random(2) === 0);
  const general = await rowsOf(file, wanted, filter, true);
  const scanned = await rowsOf(file, wanted, filter, false);
  const [told, expected] = [scanned.told, general.told];
  const first = expected.rows.findIndex((row, index) => row !== told.rows[index]);
  assert.equal(told.rows[first], expected.rows[first], `${text} (${wanted}): row ${first}`);
  assert.deepEqual(
    [told.rows.length, told.said, told.failures],
    [expected.rows.length, expected.said, expected.failures],
    `${text} (${wanted})`,
  );
  return scanned;
}

test('generated filters pass the same rows of whole files', async () => {
  for (const [index, file] of [rich, shared('v2-vendor-datagrams-none'), shared('v2-anyconnect-vpn-lz4')].entries()) {
    const random = generator(index + 1);
    let programs = 0;
    let met = 0;
    for (let round = 0; round < 100; round += 1) {
      const text = makeFilter(random, values);
      const { told, selected } = await check(file, text, random);
      if (rowProgram(compileFilter(text).tree) === undefined) continue;
      programs += 1;
      if (selected > 0 && told.rows.length > 0) met += 1;
    }
    assert.ok(programs > 25 && met > 10, `${file}: ${programs} programs, ${met} met rows`);
  }
});

test('each field and figure at its bounds', async () => {
  const file = join(folder, 'bounds.nfcapd');
  const bytes = readFileSync(rich);
  const random = generator(3);
  const longs = [
    0n,
    1n,
    999n,
    2n ** 41n - 1n,
    2n ** 41n,
    4294967295999n,
    4294967296000n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    2n ** 63n,
  ];
  for (let at = 52; at < bytes.length; at += bytes.readUInt16LE(at + 2)) {
    if (bytes.readUInt16LE(at) !== 11 || random(3) !== 0) continue;
    bytes.writeBigUInt64LE(longs[random(longs.length)], at + 16 + 8 * [0, 1, 3, 4][random(4)]);
  }
  writeFileSync(file, bytes);
  const fields = ['packets', 'bytes', 'duration', 'bps', 'pps', 'bpp', 'flows', 'out packets', 'in if', 'src as', 'dst vlan', 'src mask'];
  const most = (field) => (/mask/.test(field) ? 255 : /vlan/.test(field) ? 65535 : /if|as/.test(field) ? 4294967295 : 9007199254740991);
  const filters = fields.flatMap((field) =>
    ['=', '>', '<='].flatMap((sign) => [0, 1, 24, most(field)].map((value) => `${field} ${sign} ${value}`)),
  );
  for (const text of [...filters, 'not any', 'any', 'inet', 'not inet6', 'flags 18 or not flags SA']) await check(file, text, random);
});

test('damaged records: the same rejects, the same rows', async () => {
  const file = join(folder, 'damaged.nfcapd');
  const whole = readFileSync(rich);
  const random = generator(17);
  for (let round = 0; round < 60; round += 1) {
    const damaged = Buffer.from(round % 6 === 5 ? whole.subarray(0, 52 + random(whole.length - 52)) : whole);
    for (let flip = 0; flip < round; flip += 1) damaged[52 + random(damaged.length - 52)] = random(3) === 0 ? 0 : random(256);
    // An element that stands twice, and one of another length, now and then.
    for (let at = 52, left = round % 10; left > 0 && at + 90 < damaged.length; left -= 1) {
      damaged.writeUInt16LE([1, 2, 3, 4, 5][random(5)], at + 64);
      at += Math.max(12, damaged.readUInt16LE(at + 2));
    }
    writeFileSync(file, damaged);
    await check(file, makeFilter(random, values), random);
    await check(file, 'proto tcp and (port 80 or src net 10.0.0.0/8) or bytes > 1k', random);
  }
});

test('what one file held is not seen in the rows of the next', async () => {
  const next = join(folder, 'next.nfcapd');
  writeRichNfcapd(next, { flows: 700, seed: 10 });
  // The rows of `next`, with all columns that are there; `takes`: how many rows of a batch the reader keeps before it asks for more.
  const read = async (files, takes) => {
    const rows = [];
    for await (const batch of readFlows(files).batches()) {
      const columns = batch.file === next ? batch.present().filter(({ name }) => name !== 'received') : [];
      for (let row = 0; columns.length > 0 && row < batch.count; row += 1)
        rows.push(
          columns
            .map(({ name, column, width }) => [name, ...column.subarray(row * width, (row + 1) * width)].join(' '))
            .sort()
            .join(),
        );
      batch.count = Math.min(takes, batch.count);
    }
    return rows;
  };
  const alone = await read([next], Number.POSITIVE_INFINITY);
  assert.equal(alone.length, 700);
  assert.deepEqual(await read([rich, next], 1), alone);
});
