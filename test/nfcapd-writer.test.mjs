// weir flows --format nfcapd: the real nfdump reads back the same records and totals, from nfcapd files of every kind and from CSV.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const flows = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
const nfdump = (...words) => spawnSync('nfdump', words, { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout;
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const folderFor = (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-nfcapd-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const files = [join(root, 'test/data/nfcapd'), join(root, '../shared/data/nfcapd')].flatMap((folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.nfcapd'))
        .map((name) => join(folder, name))
    : [],
);
// The fields that a record of ours carries. An unknown next hop is one whether it is :: or 0.0.0.0.
const recordsOf = (file) =>
  nfdump('-r', file, '-q', '-o', 'fmt:%ts,%te,%sa,%da,%sp,%dp,%pr,%flg,%tos,%pkt,%byt,%in,%out,%sas,%das,%nh').replaceAll(
    /, *(::|0\.0\.0\.0)\n/g,
    ',-\n',
  );

test('nfdump reads back what it gave, record by record', { skip }, (t) => {
  const folder = folderFor(t);
  let compared = 0;
  // The vendors' datagrams hold firewall events whose ICMP type stands beside the ports.
  for (const file of files.filter((name) => !name.includes('vendor'))) {
    const before = recordsOf(file);
    const read = flows('--count', file);
    // This nfdump knows no zstd and prints ICMP events and foreign records otherwise: only files that both read whole are compared.
    if (read.status !== 0 || before.trim() === '' || before.trim().split('\n').length !== JSON.parse(read.stdout).flows) continue;
    const out = join(folder, `out${compared}.nfcapd`);
    assert.equal(flows(file, '-o', out).status, 0);
    assert.equal(recordsOf(out), before, file);
    assert.equal(flows('--format', 'csv', out).stdout, flows('--format', 'csv', file).stdout, file);
    compared += 1;
  }
  assert.ok(compared >= 3, `only ${compared} files compared`);
});

test('CSV becomes nfcapd with the same totals; what is lost is said', { skip }, (t) => {
  const folder = folderFor(t);
  const [out, many] = [join(folder, 'nfcapd.202611240000'), join(folder, 'many.csv')];
  const lines = readFileSync(join(root, 'samples/weir.csv'), 'utf8').trimEnd().split('\n');
  writeFileSync(many, `${lines[0]}\n${`${lines.slice(1).join('\n')}\n`.repeat(Math.ceil(40_000 / lines.length))}`);
  const { status, stderr } = flows(many, '-o', out);
  assert.equal(status, 0, stderr);
  const expected = JSON.parse(flows('--count', many).stdout);
  const told = Object.fromEntries(
    nfdump('-r', out, '-I')
      .trim()
      .split('\n')
      .map((line) => line.split(': ')),
  );
  assert.deepEqual([told.Flows, told.Packets, told.Bytes].map(Number), [expected.flows, expected.packets, expected.bytes]);
  assert.match(nfdump('-v', out), /Version\s+: 2 - lz4 compressed/);
  assert.deepEqual(JSON.parse(flows('--count', out).stdout), expected);

  writeFileSync(many, `${lines[0]}\n2026-11-24T10:00:00.123456Z${lines[1].slice(lines[1].indexOf(','))}\n`);
  const fine = flows(many, '-o', out);
  assert.match(fine.stderr, /the times of 1 flows were cut to milliseconds/);
  assert.equal(flows(many, '--format', 'nfcapd').status, 2);
});
