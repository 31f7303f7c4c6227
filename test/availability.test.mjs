// Availability as a person asks for it: days of 23 and 25 hours, months, maintenance from words, a file and weir.toml, outages as a table, CSV and a picture, of
// readings and of events; `weir query` and the server answer alike.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-availability-'));
after(() => rmSync(folder, { recursive: true }));
const run = (words, input) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], {
    encoding: 'utf8',
    cwd: folder,
    input,
    timeout: 600_000,
    maxBuffer: 1 << 28,
  });
function weir(words, input) {
  const { status, stdout, stderr } = run(words, input);
  assert.equal(status, 0, stderr);
  return stdout;
}
const at = (text) => Date.parse(text) / 1000;
const start = at('2026-10-20T00:00:00Z');
const end = at('2026-11-03T00:00:00Z');

// A reading a quarter of an hour; unknown for six hours of the day whose clocks go back in London, and once for 20 minutes within quarters.
before(() => {
  const lines = [`create host/ping.rrd --start ${start} --step 900 DS:rtt:GAUGE:1800:U:U RRA:AVERAGE:0.5:1:400 RRA:AVERAGE:0.5:4:9000`];
  for (let time = start + 900; time <= end; time += 900) {
    if (time === at('2026-10-22T12:15:00Z')) lines.push(`update host/ping.rrd ${time - 600}:5 ${time + 600}:U`);
    if (time === at('2026-10-22T12:15:00Z')) continue;
    const isDown = time > at('2026-10-25T00:00:00Z') && time <= at('2026-10-25T06:00:00Z');
    lines.push(`update host/ping.rrd ${time}:${isDown ? 'U' : 10}`);
  }
  const out = weir(['rrd', '-'], `${lines.join('\n')}\n`);
  assert.doesNotMatch(out, /ERROR/);
});

const range = ['--from', '2026-10-23T23:00:00Z', '--until', '2026-10-27T00:00:00Z', '--tz', 'Europe/London', '--now', String(end)];
const ask = (...words) => JSON.parse(weir(['query', 'percentUnknown(host.ping)', ...range, '--json', ...words]))[0];

test('the day of 25 hours is a share of 25 hours', () => {
  const { datapoints, weir: rests } = ask('--step', '1d');
  assert.deepEqual(
    datapoints.map(([value, time]) => [Number(value.toFixed(6)), time]),
    [
      [0, at('2026-10-23T23:00:00Z')],
      [24, at('2026-10-24T23:00:00Z')],
      [0, at('2026-10-26T00:00:00Z')],
    ],
  );
  assert.deepEqual(rests.rests[1], { known: 19 * 3600, unknown: 6 * 3600, planned: 0 });
  assert.equal(rests.denominatorSeconds, 73 * 3600);
});

test('months and weeks, over archives of both steps', () => {
  const words = ['query', 'percentUnknown(host.ping)', '--from', String(start), '--until', String(end), '--now', String(end), '--csv'];
  const lines = weir([...words, '--step', '1month'])
    .trim()
    .split('\n');
  assert.equal(lines[0], 'target,time,value,known_seconds,unknown_seconds,planned_seconds');
  const sums = lines.slice(1).map((line) => line.split(',').slice(3, 5).map(Number));
  assert.deepEqual(
    sums.map(([known, unknown]) => known + unknown),
    [12 * 86_400, 2 * 86_400],
  );
  assert.deepEqual(
    sums.map(([, unknown]) => unknown),
    [6 * 3600 + 1200, 0],
  );
  const weeks = weir([...words, '--step', '1week'])
    .trim()
    .split('\n')
    .slice(1);
  assert.equal(weeks[1].split(',')[1], '2026-10-26T00:00:00.000Z');
});

test('maintenance is left out of the denominator: by words, by a file, by weir.toml', () => {
  const window = '2026-10-25T01:00:00Z/2026-10-25T03:00:00Z';
  writeFileSync(join(folder, 'windows.txt'), `# planned\n${window}   the core switch\n\n`);
  writeFileSync(join(folder, 'with.toml'), `[availability]\nmaintenance = ["${window}"]\nmaintenanceFile = "windows.txt"\n`);
  for (const words of [
    ['--maintenance', window],
    ['--maintenance-file', 'windows.txt'],
    ['--config', 'with.toml'],
  ]) {
    const { datapoints, weir: rests } = ask('--step', '1d', ...words);
    assert.ok(Math.abs(datapoints[1][0] - (100 * 4) / 23) < 1e-9, words.join(' '));
    assert.deepEqual(rests.rests[1], { known: 19 * 3600, unknown: 4 * 3600, planned: 2 * 3600 });
  }
  assert.match(
    weir(['query', 'percentUnknown(host.ping)', ...range, '--step', '1d', '--maintenance', window]),
    / of 23h, 2h planned left out/,
  );
  assert.equal(run(['query', 'host.ping', ...range, '--step', '1d', '--maintenance', 'x']).status, 2);
  writeFileSync(join(folder, 'wrong.toml'), '[availability]\nmaintenance = ["2026-10-25/2026-10-24"]\n');
  const check = run(['check', '--config', 'wrong.toml']);
  assert.equal(check.status, 1);
  assert.match(check.stdout + check.stderr, /is no window \(expected START\/END/);
});

test('outages: their own edges, cut by maintenance, in a table, CSV, JSON lines and a picture', () => {
  const words = ['query', 'host.ping', '--outages', '--from', String(start), '--until', String(end), '--now', String(end)];
  const edges = weir([...words, '--json'])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    edges.map((one) => [one.target, one.start, one.end, one.seconds, one.open]),
    [
      ['host.ping', '2026-10-22T12:05:00.000Z', '2026-10-22T12:25:00.000Z', 1200, false],
      ['host.ping', '2026-10-25T00:00:00.000Z', '2026-10-25T06:00:00.000Z', 21_600, false],
    ],
  );
  const table = weir([
    ...words,
    '--maintenance',
    '2026-10-25T01:00:00Z/2026-10-25T03:00:00Z',
    '--tz',
    'Europe/London',
    '--svg',
    'o.svg',
    '--png',
    'o.png',
  ]);
  assert.match(table, /^ {2}2026-10-25T00:00:00Z {2}2026-10-25T01:00:00Z {2}1h$/m);
  assert.match(table, /^ {2}3 outages, 4h 20m of 13d 22h \(.* %\), 2h of planned maintenance left out$/m);
  assert.match(readFileSync(join(folder, 'o.svg'), 'utf8'), /Sun 25 Oct 2026/);
  assert.equal(readFileSync(join(folder, 'o.png')).toString('latin1', 1, 4), 'PNG');
  const csv = weir([...words, '--csv'])
    .trim()
    .split('\n');
  assert.equal(csv[0], 'target,start,end,seconds,open,exact');
  assert.equal(csv.length, 3);
});

test('silence after the newest reading is unknown once the heartbeat is over, and an outage that is open', () => {
  const later = ['--from', String(end - 3600), '--until', String(end + 7200)];
  const within = JSON.parse(
    weir(['query', 'percentUnknown(host.ping)', ...later, '--now', String(end + 1800), '--step', '1y', '--json']),
  )[0];
  assert.deepEqual([within.datapoints.at(-1)[0], within.weir.denominatorSeconds], [0, 3600]);
  const beyond = JSON.parse(
    weir(['query', 'percentUnknown(host.ping)', ...later, '--now', String(end + 3600), '--step', '1y', '--json']),
  )[0];
  assert.deepEqual([beyond.datapoints.at(-1)[0], beyond.weir.denominatorSeconds], [50, 7200]);
  const table = weir(['query', 'host.ping', '--outages', ...later, '--now', String(end + 3600)]);
  assert.match(table, /1h, still open/);
});

test('of events: slots without a point are unknown, an outage of them too', () => {
  const lines = [];
  for (let minute = 0; minute < 600; minute++) if (minute % 60 >= 24) lines.push(`app.beat 1 ${start + minute * 60}`);
  writeFileSync(join(folder, 'schemas.conf'), '[all]\npattern = .*\nretentions = 60s:30d,3600s:5y\n');
  writeFileSync(join(folder, 'events.toml'), '[graphite]\nschemas = "schemas.conf"\n');
  const shared = ['--config', 'events.toml', '--data', 'events', '--now', String(start + 86_400)];
  writeFileSync(join(folder, 'points.txt'), `${lines.join('\n')}\n`);
  weir(['load', 'points.txt', ...shared]);
  const spoken = ['--from', String(start), '--until', String(start + 36_000)];
  for (const step of ['1h', '1d', '1month']) {
    const { datapoints } = JSON.parse(weir(['query', 'percentUnknown(app.beat)', ...shared, ...spoken, '--step', step, '--json']))[0];
    assert.ok(
      datapoints.length > 0 && datapoints.every(([value]) => Math.abs(value - 40) < 1e-9),
      `${step}: ${JSON.stringify(datapoints)}`,
    );
  }
  const outages = weir(['query', 'app.beat', '--outages', ...shared, ...spoken, '--json'])
    .trim()
    .split('\n');
  assert.equal(outages.length, 10);
  assert.ok(outages.every((line) => JSON.parse(line).seconds === 24 * 60));
});
