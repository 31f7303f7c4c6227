// `weir load` of Graphite lines: known by content, rejects by cause, a second load (packed too, or under another name) adds nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { startDaemon, sumOf } from './daemon.mjs';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const clock = 1_795_392_000;

test('weir load takes Graphite lines, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-load-'));
  const data = join(folder, 'data');
  const weir = (...words) =>
    spawnSync(process.execPath, [bin, ...words, '--data', data, '--now', String(clock)], { encoding: 'utf8', cwd: folder });
  try {
    const points = Array.from({ length: 300_000 }, (_, index) => `load.s${index % 500} 2 ${clock - 10 * Math.floor(index / 500)}`);
    const text = `${points.join('\n')}\nbad\nx y z\nold 1 5\nload.nan nan ${clock}\nload.cut 1`;
    writeFileSync(join(folder, 'points'), text);
    const first = weir('load', 'points');
    assert.equal(first.status, 0, first.stderr);
    assert.equal(first.stderr, 'weir: points: 300005 lines, 300000 points, rejected: columns 2, value 1, too-old 1, nan 1\n');
    copyFileSync(join(folder, 'points'), join(folder, 'again'));
    writeFileSync(join(folder, 'packed'), gzipSync(text));
    const second = weir('load', 'again', 'packed');
    assert.equal(second.status, 0, second.stderr);
    assert.match(second.stderr, /again: 300005 lines, 0 points, 300000 loaded before, counted once/);
    assert.match(second.stderr, /packed: 300005 lines, 0 points, 300000 loaded before, counted once/);
    const query = weir('query', 'sumSeries(load.*)', '--from', String(clock - 21_000), '--until', String(clock + 1), '--json');
    assert.equal(sumOf(JSON.parse(query.stdout)[0]), 600_000);
    const none = weir('load', 'missing');
    assert.equal(none.status, 1);
    assert.match(none.stderr, /^weir: missing: [^\n]+\n$/);
    writeFileSync(join(folder, 'binary'), Buffer.from([0, 1, 2, 3, 10, 4, 5, 6]));
    const other = weir('load', 'binary');
    assert.equal(other.status, 1);
    assert.match(other.stderr, /binary: not a file that can be loaded \(expected .*Graphite lines, flow files, access logs/);
    // A damaged stream: what came before is kept, exit 1.
    writeFileSync(join(folder, 'torn.gz'), gzipSync(`${points.join('\n').replaceAll('load.', 'torn.')}\n`).subarray(0, 200_000));
    const torn = weir('load', 'torn.gz');
    assert.equal(torn.status, 1, torn.stderr);
    assert.match(torn.stderr, /torn\.gz: \d+ lines, [1-9]\d* points/);
    const daemon = await startDaemon({ folder, words: ['--now', String(clock)] });
    const busy = weir('load', 'points');
    assert.equal(busy.status, 1);
    assert.match(busy.stderr, /^weir: [^\n]*writ[^\n]*\n$/);
    assert.equal(await daemon.stop(), 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a load that the disk broke off goes on where it stopped', {
  skip: spawnSync('prlimit', ['--version']).status !== 0 && process.env.CI !== 'true' && 'prlimit is not installed',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-load-'));
  const words = [process.execPath, bin, 'load', 'points', '--now', String(clock)];
  const run = (program, ...more) =>
    spawnSync(program, [...more, ...words.slice(program === words[0] ? 1 : 0)], { encoding: 'utf8', cwd: folder });
  try {
    const lines = Array.from(
      { length: 400_000 },
      (_, index) => `broken.s${index % 500} ${index / 7} ${clock - 10 * Math.floor(index / 500)}\n`,
    );
    writeFileSync(join(folder, 'points'), lines.join(''));
    const first = run('prlimit', '--fsize=3000000:');
    assert.equal(first.status, 1);
    assert.match(first.stderr, /^weir: [^\n]*cannot be written[^\n]*\n$/);
    const second = run(words[0]);
    assert.equal(second.status, 0, second.stderr);
    const [, added, known] = /400000 lines, (\d+) points, (\d+) loaded before, counted once/.exec(second.stderr) ?? [];
    assert.ok(Number(added) > 0 && Number(known) > 0);
    assert.equal(Number(added) + Number(known), 400_000);
    const dump = spawnSync(words[0], [bin, 'store', 'dump', 'broken.'], { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 28 });
    const count = dump.stdout
      .split('\n')
      .slice(1, -1)
      .reduce((sum, line) => sum + Number(line.split(',')[3]), 0);
    assert.equal(count, 400_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
