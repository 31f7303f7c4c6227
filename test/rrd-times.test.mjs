// RRDtool's words for times beside the real rrdtool, in zones with and without summer time: the same second.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasProgram } from '../build/peers.mjs';
import { zoneClock } from '../dist/base/time.js';
import { parseRrdTime, resolveRrdRange } from '../dist/query/when-rrd.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-times-'));
after(() => rmSync(folder, { recursive: true }));
const skip = !hasProgram('rrdtool');

test('rrdtool is there', () => assert.ok(!skip, 'rrdtool is missing: apt-get install rrdtool'));

/** [start, end] as words; what rrdtool 1.7.2 gets wrong by its manual is in when-rrd.test.ts. */
const ranges = [
  ...['12:00 20230701', '20231114 12:45', '23:59 31.12.2003', '12/31/99 11:59pm', '12am 01/01/01', '1.1.2024', '00:00 31.02.2023'],
  ...[
    '14:00 Nov 14 2023',
    'Nov 14 2023 10:00',
    'Nov 14 23 10:00',
    'midnight Nov 14 2023',
    'noon 20230326',
    '03:30 20230327-1d',
    '1700000000',
  ],
  ...['1700000000-1d', '1688200000-6mon', '1700000000+6mon-1y', '8:00 Mar 27 1999 +2 days', '8:00 Mar 27 1999 +48 hours', '02:30 20230326'],
  ...[
    '02:30 20231029',
    '20030101 00:00 -5mon1w2d',
    '20030101 00:00 -5h45min',
    '20030301 00:00-1m',
    '20030301 00:00-7m',
    '20030301 00:00-1y6m',
  ],
  ...['20030301_00:00-3h20m', '20030301,00:00,-1wk', '19970703 12:45', '8pm 20230701', '8:15am 20230701', '12:15pm 20230701'],
].map((start) => [start, 's+3']);
const longRanges = [
  ['e-6mon', '12:00 20230701'],
  ['e-6mon', '12:00 20230101'],
  ['e-12h', '12:00 20230326'],
  ['e-1d', '12:00 20230326'],
  ['e-1d', '02:30 20230327'],
  ['end-3weeks', '12:00 20230401'],
  ['end-1y2mon', '12:00 20230401'],
  ['12:00 20230324', 'start+3d'],
  ['noon 20231027', 's+3d6h'],
];
const ofNow = [
  'Nov 14 2023',
  'now',
  'n-1h',
  '-1h',
  '-3600',
  'now-5d',
  '-1month',
  '-2y',
  'midnight',
  'noon yesterday -3hours',
  'midnight today',
  'teatime yesterday+2h30m',
];
const wrong = [
  'nonsense',
  'now 5',
  'now+',
  'end',
  's-5',
  '30',
  '12:61',
  '13pm',
  '00:00 01/01/50',
  '00:00 01/01/1950',
  'Nov',
  '12:00 14.13.2023',
  '1.40.2023',
  'today',
];

function ask(zone, commands) {
  const input = commands.map(([start, end]) => `fetch one.rrd AVERAGE -s "${start}" -e "${end}"\n`).join('');
  const create = 'create one.rrd --start 1700000000 --step 1 DS:a:GAUGE:120:0:U RRA:AVERAGE:0.5:1:1\n';
  const result = spawnSync('rrdtool', ['-'], {
    input: create + input,
    cwd: folder,
    env: { ...process.env, TZ: zone, LC_ALL: 'C' },
    timeout: 600_000,
    maxBuffer: 1 << 30,
  });
  const answers = result.stdout
    .toString()
    .split(/^OK u:.*\n|(?<=^ERROR: .*\n)/m)
    .slice(1);
  return answers.map((text) => {
    const error = /^ERROR: (.*)$/m.exec(text);
    return error === null ? { start: Number(/^ *(\d+):/m.exec(text)?.[1]) - 1 } : { error: error[1] };
  });
}

/** The range of a picture, which says it without its rows. */
function askLong(zone, [start, end]) {
  const words = ['graphv', '/dev/null', '-w', '10', '-h', '10', '-s', start, '-e', end, 'DEF:a=one.rrd:a:AVERAGE', 'LINE1:a#ff0000'];
  const result = spawnSync('rrdtool', words, { cwd: folder, env: { ...process.env, TZ: zone, LC_ALL: 'C' }, timeout: 600_000 });
  return ['graph_start', 'graph_end'].map((name) => Number(new RegExp(`^${name} = (\\d+)`, 'm').exec(String(result.stdout))?.[1]));
}

function ours(start, end, now, clock) {
  return resolveRrdRange(parseRrdTime(start, now, clock), parseRrdTime(end, now, clock), clock).start;
}

for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
  test(`times in ${zone} are rrdtool's`, { skip }, () => {
    const clock = zoneClock(zone);
    const answers = ask(zone, ranges);
    for (const [index, [start, end]] of ranges.entries()) {
      const own = ours(start, end, 1_700_000_000, clock);
      // Of an hour that comes twice rrdtool takes the one that is like today: the first in summer.
      const isFirst = zone === 'Europe/Berlin' && start === '02:30 20231029' && answers[index]?.start === own - 3600;
      if (!isFirst) assert.equal(own, answers[index]?.start, `${start} .. ${end}: ${answers[index]?.error}`);
    }
  });
  test(`long ranges in ${zone} are rrdtool's`, { skip }, () => {
    const clock = zoneClock(zone);
    for (const [start, end] of longRanges) {
      const range = resolveRrdRange(parseRrdTime(start, 1_700_000_000, clock), parseRrdTime(end, 1_700_000_000, clock), clock);
      assert.deepEqual([range.start, range.end], askLong(zone, [start, end]), `${start} .. ${end}`);
    }
  });
  test(`times from now on in ${zone} are rrdtool's`, { skip }, () => {
    const clock = zoneClock(zone);
    const before = Math.floor(Date.now() / 1000);
    const answers = ask(
      zone,
      ofNow.map((start) => [start, 's+1']),
    );
    // rrdtool read its clock at one of these seconds, which may lie on both sides of a midnight.
    const seconds = Array.from({ length: Math.floor(Date.now() / 1000) - before + 1 }, (_, passed) => before + passed);
    ofNow.forEach((start, index) => {
      const own = seconds.map((now) => ours(start, 's+1', now, clock));
      // Nor does rrdtool count its own hours back from within one that comes twice.
      const isTwice = clock.offsetSeconds(before - 7200) !== clock.offsetSeconds(before + 7200);
      if (!isTwice) assert.ok(own.includes(answers[index].start), `${start} in ${zone}: ${answers[index].start}, not in ${own}`);
    });
  });
}

test('what is no time is refused in the same words', { skip }, () => {
  const clock = zoneClock('UTC');
  const answers = ask(
    'UTC',
    wrong.map((start) => [start, 'now']),
  );
  wrong.forEach((start, index) => {
    const wanted = answers[index]?.error?.replace(/^start time: /, '');
    assert.throws(() => ours(start, 'now', 1_700_000_000, clock), { message: wanted }, start);
  });
});
