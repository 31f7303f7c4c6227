// The commands on a store: init, dump, compact, query (table, CSV, JSON; over the folder and over a server) and check (what it finds, its exit codes).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const clock = 1_795_392_000;

function place() {
  const folder = mkdtempSync(join(tmpdir(), 'weir-commands-'));
  const weir = (...words) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', cwd: folder });
  return { folder, weir, clean: () => rmSync(folder, { recursive: true, force: true }) };
}

test('store init, dump, compact; query as table, CSV and JSON', () => {
  const { folder, weir, clean } = place();
  const now = ['--now', String(clock)];
  try {
    assert.equal(weir('store', 'dump').status, 1);
    assert.equal(weir('store', 'init').status, 0);
    const twice = weir('store', 'init');
    assert.equal(twice.status, 1);
    assert.match(twice.stderr, /^weir: weir-data: there is a store already\n$/);
    assert.equal(weir('store', 'init', 'a', 'b').status, 2);
    assert.equal(weir('store', 'burn').status, 2);
    const lines = Array.from({ length: 6000 }, (_, index) => `dump.s${index % 20} ${index % 3} ${clock - 10 * Math.floor(index / 20)}`);
    writeFileSync(join(folder, 'points'), `${lines.join('\n')}\n"odd",name 4 ${clock}\n`);
    writeFileSync(join(folder, 'odd'), `odd,name 4 ${clock - 20}\nodd,name 5.5 ${clock - 18}\n`);
    assert.equal(weir('load', 'points', 'odd', ...now).status, 0);
    const csv = weir('store', 'dump', 'odd', ...now).stdout;
    assert.equal(
      csv,
      `series,step,time,count,sum,min,max,last,last_at,filled\n"odd,name",10,${clock - 20},2,9.5,4,5.5,5.5,${clock - 18},1\n`,
    );
    const cells = weir('store', 'dump', 'dump.', '--json', ...now)
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(cells.length, 6000);
    assert.equal(
      cells.reduce((sum, cell) => sum + cell.sum, 0),
      6000,
    );
    const before = statSync(join(folder, 'weir-data/store.mdb')).size;
    const compact = weir('store', 'compact', ...now);
    assert.equal(compact.status, 0, compact.stderr);
    assert.match(compact.stderr, /^weir: weir-data: \d+ bytes before, \d+ after\n$/);
    assert.ok(statSync(join(folder, 'weir-data/store.mdb')).size <= before);
    const range = ['--from', String(clock - 3000), '--until', String(clock), ...now];
    const asked = (...words) => weir('query', 'sumSeries(dump.*)', ...range, ...words);
    assert.equal(sumOf(JSON.parse(asked('--json').stdout)[0]), 6000);
    const sum = asked('--csv')
      .stdout.trim()
      .split('\n')
      .slice(1)
      .reduce((total, line) => total + (Number(line.split(',').at(-1)) || 0), 0);
    assert.equal(sum, 6000);
    assert.match(asked().stdout, /sumSeries\(dump\.\*\)/);
    assert.deepEqual(JSON.parse(weir('query', 'none.*', ...range, '--json').stdout), []);
    const wrong = weir('query', 'sumSeries(', ...range);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /^weir: [^\n]+\n$/);
    assert.equal(weir('query').status, 2);
    assert.equal(weir('query', 'a', 'b').status, 2);
    assert.equal(weir('query', 'dump.s1', '--from', 'yesteryear', ...now).status === 0, false);
  } finally {
    clean();
  }
});

test('query beside a daemon, over its folder and over its URL, gives the same; a backup is restored, compact is refused then', async () => {
  const daemon = await startDaemon({ words: ['--now', String(clock)] });
  const { weir, clean } = place();
  try {
    await sendTcp(daemon.ports.graphite, Array.from({ length: 500 }, (_, index) => `beside.a 2 ${clock - 10 * index}\n`).join(''));
    await until(
      () => daemon.render(`target=beside.a&from=${clock - 6000}&until=${clock}`),
      (answer) => answer[0] !== undefined && sumOf(answer[0]) === 1000,
    );
    const data = ['--data', join(daemon.folder, 'data')];
    const range = ['--from', String(clock - 6000), '--until', String(clock), '--json', '--now', String(clock)];
    const folder = JSON.parse(weir('query', 'beside.a', ...data, ...range).stdout);
    const server = JSON.parse(weir('query', 'beside.a', '--url', daemon.url, ...range).stdout);
    assert.equal(sumOf(folder[0]), 1000);
    assert.deepEqual(server[0].datapoints, folder[0].datapoints);
    const file = join(daemon.folder, 'monday.mdb');
    const backup = weir('store', 'backup', file, ...data);
    assert.equal(backup.status, 0, backup.stderr);
    assert.equal(weir('store', 'backup', file, ...data).status, 1);
    mkdirSync(join(daemon.folder, 'restored'));
    renameSync(file, join(daemon.folder, 'restored/store.mdb'));
    const restored = JSON.parse(weir('query', 'beside.a', '--data', join(daemon.folder, 'restored'), ...range).stdout);
    assert.deepEqual(restored[0].datapoints, folder[0].datapoints);
    const compact = weir('store', 'compact', ...data);
    assert.equal(compact.status, 1);
    assert.match(compact.stderr, /^weir: [^\n]*writ[^\n]*\n$/);
    const unreachable = weir('query', 'a', '--url', 'http://127.0.0.1:1', ...range);
    assert.equal(unreachable.status, 1);
    assert.match(unreachable.stderr, /^weir: [^\n]+\n$/);
  } finally {
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
    clean();
  }
});

test('check: what would show wrong figures is a warning, what would be refused an error', () => {
  const { folder, weir, clean } = place();
  const put = (name, text) => writeFileSync(join(folder, name), text);
  try {
    mkdirSync(join(folder, 'conf'));
    const fine = weir('check');
    assert.deepEqual([fine.status, fine.stdout], [0, 'no findings\n']);
    put('weir.toml', '[graphite]\nschemas = "conf/schemas.conf"\naggregation = "conf/aggregation.conf"\n');
    put(
      'conf/schemas.conf',
      '[stats]\npattern = ^stats\nretentions = 60s:7d\n[all]\npattern = .*\nretentions = 10s:6h\n[never]\npattern = ^x\nretentions = 1s:1h\n',
    );
    put('conf/aggregation.conf', '[all]\npattern = .*\nxFilesFactor = 0.5\naggregationMethod = average\n');
    const warned = weir('check');
    assert.equal(warned.status, 0, warned.stdout);
    assert.match(warned.stdout, /\[stats\] has a first step of 60 s for .* statsd\.flushInterval is 10 s/);
    assert.match(warned.stdout, /\[never\] never counts: \[all\] before it matches every name/);
    assert.match(warned.stdout, /shows counts such as stats_counts\.example as average \(expected sum\)/);
    assert.equal(weir('check', '--strict').status, 1);
    const json = JSON.parse(weir('check', '--json').stdout);
    assert.equal(json.errors, 0);
    assert.equal(json.warnings, json.findings.length);
    put('weir.toml', '[grafite]\nschemas = "x"\n');
    const refused = weir('check');
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /error: .*grafite/);
    assert.equal(weir('serve', '--port', 'all=0').status, 1);
  } finally {
    clean();
  }
});
