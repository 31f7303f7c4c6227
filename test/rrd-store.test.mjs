// RRDtool's databases in the store beside the real rrdtool: create, update (each source type, COMPUTE too), the rows that both show, and the question that an
// hourly archive no longer answers: what share of the time was unknown.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const data = join(root, 'test/data/rrd');
const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-store-'));
after(() => rmSync(folder, { recursive: true }));
const environment = { ...process.env, TZ: 'UTC', LC_ALL: 'C' };
const skip = !hasProgram('rrdtool') && process.env.CI !== 'true' && 'rrdtool is missing';

const run = (program, words, input) =>
  spawnSync(program, words, { encoding: 'utf8', cwd: folder, env: environment, input, timeout: 600_000, maxBuffer: 1 << 28 });
const weirAny = (words, input) => run(process.execPath, [join(root, 'bin/weir'), ...words], input);
function weir(...words) {
  const { status, stdout, stderr } = weirAny(words);
  assert.equal(status, 0, stderr);
  return stdout;
}
function rrdtool(...words) {
  const { status, stdout, stderr } = run('rrdtool', words);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Values of a fetch: rows of [time, ...values], unknown ones null. */
function rowsOf(text) {
  return text
    .trim()
    .split('\n')
    .slice(2)
    .map((line) => line.split(/:? +/).map((word) => (/nan/.test(word) ? null : Number(word))));
}

function assertSame(ours, theirs, what) {
  assert.equal(ours.length, theirs.length, `${what}: rows`);
  for (const [index, row] of theirs.entries())
    for (const [column, value] of row.entries()) {
      const got = ours[index][column];
      const near = value === null || got === null ? value === got : Math.abs(got - value) <= 1e-9 * Math.max(1, Math.abs(value));
      assert.ok(near, `${what}: ${row[0]} column ${column}: ${got}, rrdtool has ${value}`);
    }
}

const percents = (json) => JSON.parse(json)[0].datapoints.map(([value]) => value);

test('24 of every 60 seconds unknown read 40 % at a minute, an hour, a day and a month, where the hourly archive of rrdtool reads 0', {
  skip,
}, () => {
  const start = Date.parse('2026-02-28T00:00:00Z') / 1000;
  const definition = [
    '--start',
    String(start),
    '--step',
    '1',
    'DS:rtt:GAUGE:2:0:U',
    'RRA:AVERAGE:0.5:1:7200',
    'RRA:AVERAGE:0.5:60:3000',
    'RRA:AVERAGE:0.5:3600:400',
  ];
  const lines = [];
  for (let minute = 0; minute < 48 * 60; minute++) {
    // rrdtool takes a second after a second; U for 24 of them.
    const readings = Array.from(
      { length: 60 },
      (_, second) => `${start + minute * 60 + second + 1}:${second < 24 ? 'U' : 10 + (second % 7)}`,
    );
    lines.push(`update host.rrd ${readings.join(' ')}`);
  }
  const input = `${lines.join('\n')}\n`;
  rrdtool('create', 'host.rrd', ...definition);
  assert.equal(run('rrdtool', ['-'], input).status, 0);
  const hourly = rrdtool(
    'xport',
    '-s',
    String(start),
    '-e',
    String(start + 86_400),
    '--step',
    '3600',
    'DEF:r=host.rrd:rtt:AVERAGE:step=3600',
    'CDEF:u=r,UN,100,0,IF',
    'XPORT:u',
  );
  const theirs = [...hourly.matchAll(/<v>(.*?)<\/v>/g)].map(([, value]) => Number(value));
  assert.ok(theirs.length >= 24 && theirs.every((value) => value === 0), `rrdtool reads ${theirs}`);

  rmSync(join(folder, 'host.rrd'));
  weir('rrd', 'create', 'host.rrd', ...definition, '--data', 'question');
  const piped = weirAny(['rrd', '-', '--data', 'question'], input);
  assert.equal(piped.status, 0, piped.stderr);
  const okays = piped.stdout.trim().split('\n');
  assert.equal(okays.length, lines.length);
  assert.ok(
    okays.every((line) => line.startsWith('OK u:')),
    okays.find((line) => !line.startsWith('OK')),
  );
  const mixed = weirAny(['rrd', '-', '--data', 'question'], 'info nofile.rrd\nbogus\nlast host.rrd\n').stdout.trim().split('\n');
  assert.deepEqual(
    mixed.map((line) => line.replace(/^(ERROR: nofile\.rrd|ERROR: rrd|OK).*$/, '$1').replace(/^\d+$/, 'time')),
    ['ERROR: nofile.rrd', 'ERROR: rrd', 'time', 'OK'],
  );
  const ask = (from, hours, step) =>
    percents(
      weir(
        'query',
        'percentUnknown(host)',
        '--data',
        'question',
        '--now',
        String(start + 172_800),
        '--from',
        String(from),
        '--until',
        String(from + hours * 3600),
        '--step',
        step,
        '--json',
      ),
    );
  assert.deepEqual(ask(start + 171_000, 0.5, '1min'), new Array(30).fill(40));
  assert.deepEqual(ask(start, 48, '1h'), new Array(48).fill(40));
  assert.deepEqual(ask(start, 48, '1d'), [40, 40]);
  assert.deepEqual(ask(start, 48, '1month'), [40, 40]);
  const total = JSON.parse(
    weir(
      'query',
      'percentUnknown(host)',
      '--data',
      'question',
      '--now',
      String(start + 172_800),
      '--from',
      String(start),
      '--until',
      String(start + 172_800),
      '--step',
      '1d',
      '--json',
    ),
  )[0].weir;
  assert.deepEqual([total.denominatorSeconds, total.unknownSeconds, total.plannedSeconds], [172_800, 69_120, 0]);

  const range = ['-s', String(start), '-e', String(start + 7200), '--data', 'question'];
  const rounded = weir('rrd', 'xport', ...range, 'DEF:r=host.rrd:rtt:AVERAGE', 'CDEF:z=r,20,/,ROUND', 'XPORT:z');
  const known = [...rounded.matchAll(/<v>(.*?)<\/v>/g)].map(([, value]) => Number(value)).filter((value) => !Number.isNaN(value));
  assert.deepEqual([...new Set(known)], [1]);
});

test('the made ping series, fed and loaded: rows as rrdtool has them, offline percent an hour', () => {
  const made = JSON.parse(readFileSync(join(data, 'made-cases.json'), 'utf8')).find(({ file }) => file.includes('ping'));
  weir('rrd', 'create', 'ping-300s.rrd', ...made.create, '--data', 'ping');
  weir('rrd', 'update', 'ping-300s.rrd', '--data', 'ping', ...made.updates);
  const loaded = weirAny(['load', join(data, 'made/ping-300s.rrd'), '--data', 'loaded']);
  assert.equal(loaded.status, 0, loaded.stderr);
  for (const store of ['ping', 'loaded']) {
    for (const { args, rows } of made.fetch.filter((one) => one.rows !== undefined)) {
      const ours = rowsOf(weir('rrd', 'fetch', 'ping-300s.rrd', '--data', store, ...args)).slice(0, rows.length);
      for (const [index, row] of rows.entries())
        for (const [column, value] of row.entries())
          assert.ok(
            value === null ? ours[index][column] === null : Math.abs(ours[index][column] - value) <= 1e-8 * Math.max(1, Math.abs(value)),
            `${store} ${args} ${row}`,
          );
    }
    const { hourStart } = made.offlinePercentPerHour[0];
    const hourEnd = made.offlinePercentPerHour.at(-1).hourEnd;
    const words = ['query', 'percentUnknown(ping-300s.rtt)', '--data', store, '--from', String(hourStart), '--until', String(hourEnd)];
    const hours = percents(weir(...words, '--step', '1h', '--json'));
    assert.deepEqual(
      hours.map((value) => Number(value.toFixed(4))),
      made.offlinePercentPerHour.map(({ percent }) => percent),
    );
    const whole = JSON.parse(weir(...words, '--step', '1year', '--json'))[0];
    assert.equal(Number(whole.datapoints[0][0].toFixed(4)), made.offlineTotalPercent);
    const outages = weir(
      'query',
      'ping-300s.rtt',
      '--outages',
      '--data',
      store,
      '--from',
      String(hourStart),
      '--until',
      String(hourEnd),
      '--json',
    );
    const seconds = outages
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seconds);
    assert.equal(
      seconds.reduce((sum, one) => sum + one, 0),
      whole.weir.unknownSeconds,
    );
  }
});

test('every source type and COMPUTE, a reading a step: the rows of rrdtool', { skip }, () => {
  const start = 1_700_000_100 - (1_700_000_100 % 60);
  const definition = [
    '--start',
    String(start),
    '--step',
    '60',
    'DS:g:GAUGE:120:-50:90',
    'DS:c:COUNTER:120:0:U',
    'DS:d:DERIVE:120:U:U',
    'DS:a:ABSOLUTE:120:0:U',
    'DS:dc:DCOUNTER:120:U:U',
    'DS:dd:DDERIVE:120:U:5',
    'DS:sum:COMPUTE:g,d,+',
    'DS:un:COMPUTE:g,UN,100,0,IF',
    'RRA:AVERAGE:0.5:1:600',
    'RRA:AVERAGE:0.5:10:60',
    'RRA:MAX:0.5:10:60',
    'RRA:MIN:0.5:10:60',
    'RRA:LAST:0.5:10:60',
  ];
  const updates = [];
  let counter = 4_294_967_000;
  for (let step = 1; step <= 500; step++) {
    counter = step % 97 === 0 ? 5 : counter + ((step * 37) % 101);
    if (step % 41 === 0) step += 3;
    const g = step % 9 === 0 ? 'U' : step % 50 === 0 ? '95' : ((step * 13) % 120) - 40.5;
    updates.push(
      [
        start + step * 60,
        g,
        counter % 2 ** 32,
        step % 11 === 0 ? 'U' : -step * step,
        step % 5,
        step % 60 === 0 ? 0.5 : step * 1.25,
        step % 7 === 0 ? step * 9 : step / 4,
      ].join(':'),
    );
  }
  for (const program of ['rrdtool', 'weir']) {
    const command = program === 'rrdtool' ? (...words) => rrdtool(...words) : (...words) => weir('rrd', ...words, '--data', 'types');
    command('create', 'types.rrd', ...definition);
    command('update', 'types.rrd', ...updates.slice(0, 200));
    command(
      'update',
      '--template',
      'a:g:c:d:dc:dd',
      'types.rrd',
      ...updates.slice(200).map((text) => {
        const [time, g, c, d, a, dc, dd] = text.split(':');
        return [time, a, g, c, d, dc, dd].join(':');
      }),
    );
    if (program === 'rrdtool') cpSync(join(folder, 'types.rrd'), join(folder, 'theirs.rrd'));
    rmSync(join(folder, 'types.rrd'), { force: true });
  }
  const range = ['-s', String(start), '-e', String(start + 499 * 60)];
  assertSame(
    rowsOf(weir('rrd', 'fetch', 'types.rrd', 'AVERAGE', ...range, '--data', 'types')),
    rowsOf(rrdtool('fetch', 'theirs.rrd', 'AVERAGE', ...range)),
    'points',
  );
  for (const cf of ['AVERAGE', 'MAX', 'MIN', 'LAST'])
    assertSame(
      rowsOf(weir('rrd', 'fetch', 'types.rrd', cf, '-r', '600', ...range, '--data', 'types')),
      rowsOf(rrdtool('fetch', 'theirs.rrd', cf, '-r', '600', ...range)),
      cf,
    );
  const lines = (text) => text.split('\n').filter((line) => /^ds\[|step = /.test(line) && !/unknown_sec|\.value = /.test(line));
  assert.deepEqual(lines(weir('rrd', 'info', 'types.rrd', '--data', 'types')), lines(rrdtool('info', 'theirs.rrd')));
  assert.equal(weir('rrd', 'lastupdate', 'types.rrd', '--data', 'types'), rrdtool('lastupdate', 'theirs.rrd'));
  assert.equal(weir('rrd', 'first', 'types.rrd', '--data', 'types'), rrdtool('first', 'theirs.rrd'));
});

test('a loaded file goes on: updates after it are those of rrdtool after it, and loading it again adds only what is new', { skip }, () => {
  const start = 1_700_000_400;
  rrdtool(
    'create',
    'on.rrd',
    '--start',
    String(start),
    '--step',
    '60',
    'DS:in:COUNTER:180:0:U',
    'RRA:AVERAGE:0.5:1:60',
    'RRA:AVERAGE:0.5:5:600',
  );
  const readings = Array.from({ length: 300 }, (_, index) => `${start + 60 * index + 47}:${index * 1000 + ((index * 31) % 17)}`);
  rrdtool('update', 'on.rrd', ...readings.slice(0, 100));
  mkdtempSync(join(folder, 'tree-'));
  cpSync(join(folder, 'on.rrd'), join(folder, 'tree/net/on.rrd'));
  const load = () => {
    const { status, stderr } = weirAny(['load', 'tree', '--data', 'goes-on']);
    assert.equal(status, 0, stderr);
    return stderr;
  };
  assert.match(load(), /1 RRD files: loaded \d+ rows of 1 series/);
  assert.match(load(), /1 files were in already/);
  rrdtool('update', 'on.rrd', ...readings.slice(100, 140));
  cpSync(join(folder, 'on.rrd'), join(folder, 'tree/net/on.rrd'));
  assert.match(load(), /loaded \d+ rows of 1 series$/m);
  weir('rrd', 'update', 'net/on.rrd', ...readings.slice(140), '--data', 'goes-on');
  rrdtool('update', 'on.rrd', ...readings.slice(140));
  for (const [from, resolution] of [
    [start + 300 * 60 - 3000, '60'],
    [start + 300, '300'],
  ]) {
    const words = ['AVERAGE', '-r', resolution, '-s', String(from), '-e', String(start + 299 * 60 - 300)];
    const [ours, theirs] = [
      rowsOf(weir('rrd', 'fetch', 'net/on.rrd', ...words, '--data', 'goes-on')),
      rowsOf(rrdtool('fetch', 'on.rrd', ...words)),
    ];
    assertSame(ours, theirs, resolution);
  }
  const total = JSON.parse(
    weir(
      'query',
      'percentUnknown(net.on)',
      '--data',
      'goes-on',
      '--from',
      String(start + 600),
      '--until',
      String(start + 17_400),
      '--step',
      '1y',
      '--json',
    ),
  )[0].weir;
  assert.equal(total.denominatorSeconds, 16_800);
});

test('a coarse archive that has only its maxima shows them, and says that it cannot tell averages', { skip }, () => {
  const from = 1_700_000_400;
  rrdtool('create', 'max.rrd', '--start', String(from), '--step', '60', 'DS:a:GAUGE:120:U:U', 'RRA:AVERAGE:0.5:1:10', 'RRA:MAX:0.5:10:100');
  rrdtool('update', 'max.rrd', ...Array.from({ length: 300 }, (_, index) => `${from + 60 * (index + 1)}:${index % 7}`));
  const { status, stderr } = weirAny(['load', 'max.rrd', '--data', 'max']);
  assert.equal(status, 0, stderr);
  const words = ['query', 'max', '--data', 'max', '--from', String(from), '--until', String(from + 9000), '--step', '600', '--json'];
  const [average] = JSON.parse(weir(...words));
  assert.ok(average.datapoints.length === 15 && average.datapoints.every(([value]) => value === null));
  assert.equal(average.weir.lackingSlots, 15);
  assert.equal(average.weir.lowerBoundBefore, from + 17_400);
  writeFileSync(join(folder, 'max.toml'), '[[rule]]\npattern = "^max$"\nmethod = "max"\n');
  const [most] = JSON.parse(weir(...words, '--config', 'max.toml'));
  assert.ok(most.datapoints.every(([value]) => value === 6));
  const range = ['MAX', '-r', '600', '-s', String(from), '-e', String(from + 9000)];
  const theirs = rowsOf(rrdtool('fetch', 'max.rrd', ...range));
  rmSync(join(folder, 'max.rrd'));
  assertSame(rowsOf(weir('rrd', 'fetch', 'max.rrd', ...range, '--data', 'max')), theirs, 'MAX');
});

test('what is refused: in the words of rrdtool, exit 1 or 2, and what came before it is kept', () => {
  const refused = (words, status, message) => {
    const result = weirAny(['rrd', ...words, '--data', 'refused']);
    assert.equal(result.status, status, `${words}: ${result.stderr}`);
    assert.match(result.stderr, message);
    assert.ok(!/\n\s+at /.test(result.stderr));
  };
  const archive = 'RRA:AVERAGE:0.5:1:10';
  refused(['update', 'none.rrd', 'N:1'], 1, /the store has no database 'none'/);
  refused(['create', 'x.rrd'], 2, /you must define at least one Round Robin Archive/);
  refused(['create', 'x.rrd', archive], 2, /you must define at least one Data Source/);
  refused(['create', 'x.rrd', 'DS:a:FOO:600:U:U', archive], 2, /invalid DS type specified \(FOO/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:10:1', archive], 2, /min must be less than max/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:U:U', 'DS:a:GAUGE:600:U:U', archive], 2, /Duplicate DS name: a/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:U:U', 'RRA:AVERAGE:1.5:1:10'], 2, /Invalid xff/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:U:U', 'RRA:AVERAGE:0.5:1:99999999999'], 2, /Invalid row count/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:U:U', 'DS:b:COMPUTE:a,nope,+', archive], 2, /failed to parse computed data source/);
  refused(['create', 'x.rrd', 'DS:a:GAUGE:600:U:U', 'DS:b:COMPUTE:a,1800,TREND', archive], 2, /TREND is not supported in COMPUTE/);
  weir('rrd', 'create', 'x.rrd', '--start', '920804400', 'DS:a:COUNTER:600:U:U', archive, '--data', 'refused');
  weir('rrd', 'create', 'x.rrd', '--start', '920804400', 'DS:a:COUNTER:600:U:U', archive, '--data', 'refused');
  refused(['create', 'x.rrd', 'DS:b:COUNTER:600:U:U', archive], 1, /the store has 'x' with other sources or archives/);
  refused(
    ['update', 'x.rrd', '920804400:1'],
    1,
    /illegal attempt to update using time 920804400 when last update time is 920804400.*not-newer/,
  );
  refused(['update', 'x.rrd', '920804700:12345:1'], 1, /found extra data on update argument: 1/);
  refused(['update', 'x.rrd', '920804700:abc'], 1, /not a simple unsigned integer: 'abc'/);
  refused(['update', 'x.rrd', '920804700'], 1, /expected timestamp not found/);
  refused(['update', 'x.rrd', 'x:1'], 1, /Cannot convert 'x' to float/);
  refused(['update', 'x.rrd', '-t', 'speedy', '920804700:1'], 1, /unknown DS name 'speedy'/);
  refused(['update', 'x.rrd', '920804700:12345', '920804650:1', '920805000:9'], 1, /illegal attempt/);
  assert.equal(weir('rrd', 'last', 'x.rrd', '--data', 'refused'), '920804700\n');
  weir('rrd', 'update', 'x.rrd', '--skip-past-updates', '920804650:1', '920805000:12357', '--data', 'refused');
  assert.equal(weir('rrd', 'last', 'x.rrd', '--data', 'refused'), '920805000\n');
  weir('rrd', 'create', 'p.rrd', '--start', '920804400', 'DS:q:GAUGE:600:U:U', 'DS:r:GAUGE:600:U:U', archive, '--data', 'refused');
  weir('rrd', 'update', 'p.rrd', '920804700:1:2', '--data', 'refused');
  refused(['create', 'p/q.rrd', 'DS:a:GAUGE:600:U:U', archive], 1, /the store has a series 'p\.q' already/);
  writeFileSync(join(folder, 'cut.rrd'), readFileSync(join(data, 'made/ping-300s.rrd')).subarray(0, 900));
  const cut = weirAny(['load', 'cut.rrd', join(data, 'made/ping-300s.rrd'), '--data', 'refused']);
  assert.equal(cut.status, 1);
  assert.match(cut.stderr, /cut\.rrd@\d+: .*\n/);
  assert.match(cut.stderr, /1 files were left out/);
});
