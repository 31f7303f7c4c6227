// Generated filters beside real nfdump on the same files: the same records each time. More of them every night (filter.nightly.mjs).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { compileFilter } from '../dist/collect/filter.js';
import { checkFilters, heldRows, ownNumbers } from './filter-cases.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const folder = mkdtempSync(join(tmpdir(), 'weir-filter-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const rich = join(folder, 'rich.nfcapd');
writeRichNfcapd(rich, { flows: 2000, seed: 4 });
const files = [
  rich,
  ...['v2-wechat-none', 'v2-anyconnect-vpn-lz4', 'v2-starcraft_battle-bz2'].map((name) => join(root, 'test/data/nfcapd', `${name}.nfcapd`)),
];

test('generated filters let the same records pass as nfdump', { skip }, async () => {
  for (const [index, file] of files.entries()) assert.ok((await checkFilters(file, 75, index + 1)) > 25, file);
});

test('AS numbers are those that nfdump prints', { skip }, async () => {
  const batches = await heldRows(rich);
  const { stdout } = spawnSync('nfdump', ['-q', '-r', rich, '-o', 'fmt:%cnt %sas %das'], { encoding: 'utf8', timeout: 600_000 });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const numbers = (passes) => rows.filter((row) => row.length === 3 && passes(row)).map(([number]) => number);
  for (const [filter, passes] of [
    ['as 174', ([, src, dst]) => src === 174 || dst === 174],
    ['src as > 64512', ([, src]) => src > 64512],
    ['dst as in [1, 174, 65536, 4200000000]', ([, , dst]) => [1, 174, 65536, 4200000000].includes(dst)],
    ['src and dst as 0', ([, src, dst]) => src === 0 && dst === 0],
  ])
    assert.deepEqual(ownNumbers(batches, filter), numbers(passes), filter);
});

test('a filter from a file, with what it includes, and no file over the wire', () => {
  writeFileSync(join(folder, 'ports'), '# the web\n80 443');
  const main = join(folder, 'main');
  writeFileSync(main, `proto tcp and # comment\nport in [ @include "${join(folder, 'ports')}" ]`);
  const spaced = join(folder, 'the "main" one');
  writeFileSync(spaced, 'proto tcp and port in [ @include ports ]');
  const count = (...words) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', rich, '--count', ...words], {
      encoding: 'utf8',
      cwd: folder,
      timeout: 600_000,
    });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  assert.deepEqual(count('-f', main), count('--filter', 'proto tcp and port in [80 443]'));
  assert.deepEqual(count('-f', spaced), count('-f', main));
  // As in nfdump, the filter of the command line goes before the file's.
  assert.deepEqual(count('-f', main, '--filter', 'proto udp'), count('--filter', 'proto udp'));
  assert.throws(() => compileFilter(`@include '${main}'`), /expected no files to be named here/);
});
