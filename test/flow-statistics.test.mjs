// What nfcapd files say of themselves: --stat as nfdump -I, --count with the flows that a collector counted; only where nothing selects flows and the file is whole.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const data = (name) => join(root, 'test/data/nfcapd', name);
const flows = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', ...words], { encoding: 'utf8', timeout: 600_000 });
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const vendors = data('v1-vendor-datagrams-none.nfcapd');

test('--stat says what nfdump -I says; with a filter the flows are read', { skip }, () => {
  for (const file of [
    vendors,
    data('v2-wechat-none.nfcapd'),
    data('v2-anyconnect-vpn-lz4.nfcapd'),
    data('v1-starcraft_battle-lzo.nfcapd'),
  ]) {
    const peer = spawnSync('nfdump', ['-r', file, '-I'], { encoding: 'utf8', timeout: 600_000 }).stdout;
    const wanted = peer.split('\n').filter((line) => /^(Flows|Packets|Bytes|First|Last|msec)/.test(line));
    const said = flows(file, '--stat')
      .stdout.split('\n')
      .filter((line) => !/^avg|^$/.test(line));
    assert.deepEqual(said, wanted, file);
  }
  assert.match(flows(vendors, '--stat', '--filter', 'any').stdout, /^Flows: 261$/m);
});

test('--count takes the flows that the file counts, and says what has no record', () => {
  const { stdout, stderr } = flows(vendors, '--count');
  assert.deepEqual(JSON.parse(stdout), { flows: 262, packets: 38882, bytes: 13259781, rejected: {} });
  assert.match(stderr, /the files count 262 flows, of which 261 have records/);
  assert.equal(JSON.parse(flows(vendors, '--count', '--filter', 'any').stdout).flows, 261);
});

test('of a damaged or cut file only what was read is counted', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-statistics-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'nfcapd.bent');
  const whole = readFileSync(data('v1-starcraft_battle-lzo.nfcapd'));
  const bent = Buffer.from(whole);
  bent.fill(0xff, 1000, 1060);
  writeFileSync(path, bent);
  const damaged = flows(path, '--count');
  assert.deepEqual(JSON.parse(damaged.stdout), { flows: 0, packets: 0, bytes: 0, rejected: { block: 113 } });
  assert.match(damaged.stderr, /@276: block: damaged LZO block/);
  writeFileSync(path, whole.subarray(0, 2400));
  const cut = flows(path, '--count');
  assert.deepEqual([cut.status, JSON.parse(cut.stdout).flows], [1, 0]);
  assert.match(flows(path, '--stat').stdout, /^Flows: 0$/m);
});
