// `weir rrd` beside the real rrdtool on files of many machines: what both print is the same, byte for byte; damaged files end in one line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { runWords } from '../dist/shell/main.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const data = [join(root, '../shared/data/rrd'), join(root, 'test/data/rrd')].find((path) => existsSync(path));
const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-'));
after(() => rmSync(folder, { recursive: true }));
const skip = !hasProgram('rrdtool');
const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.rrd') && !path.includes('corrupt'));

// The program runs in this process, in the zone that rrdtool is told.
process.env.TZ = 'UTC';

/** Runs the program in this process. */
async function weir(...words) {
  const written = { stdout: '', stderr: '' };
  const into = (name) =>
    new Writable({
      write: (piece, _encoding, done) => {
        written[name] += piece;
        done();
      },
    });
  const world = {
    stdin: process.stdin,
    stdout: into('stdout'),
    stderr: into('stderr'),
    isTerminal: { stdout: false, stderr: false },
    env: { ...process.env, TZ: 'UTC' },
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    signal: new AbortController().signal,
  };
  const status = await runWords(['rrd', ...words], world);
  return { status, ...written };
}

const rrdtool = (...words) =>
  spawnSync('rrdtool', words, {
    encoding: 'latin1',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    timeout: 600_000,
    maxBuffer: 1 << 28,
  });

test('rrdtool is there', () => assert.ok(!skip, 'rrdtool is missing: apt-get install rrdtool'));

for (const name of files) {
  const file = join(data, name);
  test(`${name}: every reading verb prints what rrdtool prints`, { skip }, async () => {
    const isForeign = rrdtool('last', file).status !== 0;
    const theirs = isForeign ? join(folder, 'same.rrd') : file;
    if (isForeign) {
      // A file of another machine goes over by our dump, which the real restore takes.
      const dump = join(folder, 'dump.xml');
      assert.equal((await weir('dump', file, dump)).status, 0);
      assert.equal(rrdtool('restore', '-f', dump, theirs).status, 0);
    }
    const last = Number((await weir('last', file)).stdout);
    const verbs = [
      ['last'],
      ['first'],
      ['lastupdate'],
      ['dump'],
      ['dump', '-n'],
      ['dump', '--header', 'xsd'],
      ...(isForeign ? [] : [['info']]),
    ];
    for (const [verb, ...options] of verbs) {
      const wanted = rrdtool(verb, theirs, ...options);
      const got = await weir(verb, file, ...options);
      assert.equal(got.status, 0, got.stderr);
      // What a dump keeps is eleven digits, so a value that came over by one may end in another.
      if (!isForeign || verb !== 'dump') assert.ok(got.stdout === wanted.stdout, `${verb} ${options.join(' ')} differs`);
    }
    for (const cf of ['AVERAGE', 'MAX', 'MIN', 'LAST']) {
      for (const back of [3600, 86_400, 3_000_000]) {
        const options = [cf, '-s', String(last - back), '-e', String(last + 600)];
        const [wanted, got] = [rrdtool('fetch', theirs, ...options), await weir('fetch', file, ...options)];
        assert.equal(got.status, wanted.status, `${options}: ${wanted.stderr}`);
        if (!isForeign) assert.ok(got.stdout === wanted.stdout, `fetch ${options.join(' ')} differs`);
      }
    }
  });
}

test('xport prints what rrdtool prints, in every form', { skip }, async () => {
  const file = join(data, 'made/traffic-60s.rrd');
  const words = [
    '-s',
    '1700007240',
    '-e',
    '1700008000',
    `DEF:a=${file}:in:AVERAGE`,
    'CDEF:z=a,0,/',
    'CDEF:u=a,UNKN,+',
    'CDEF:y=z,-1,*',
    'XPORT:a:the first',
    'XPORT:z',
    'XPORT:u:x',
    'XPORT:y',
  ];
  for (const form of [[], ['--json'], ['-t'], ['--json', '-t'], ['--enumds'], ['-t', '--enumds'], ['-m', '10'], ['--step', '300']]) {
    assert.equal((await weir('xport', ...form, ...words)).stdout, rrdtool('xport', ...form, ...words).stdout, form.join(' '));
  }
  const empty = ['--json', '-s', '1700007240', '-e', '1700007240', `DEF:a=${file}:in:AVERAGE`, 'XPORT:a'];
  assert.equal((await weir('xport', ...empty)).stdout, rrdtool('xport', ...empty).stdout);
});

const prints = [
  ...[
    '%lf',
    '%.10le',
    '%6.2lf %s|',
    '%6.2lf%S|',
    '%12.3lg|',
    '%-12.3lf|',
    '%+lf',
    '% lf',
    '%012.2lf',
    '100%% %5.1lf%%',
    '%lE',
    '%.0lf',
    '%lG',
    '%.3lG',
  ],
  ...[
    '%s:strftime',
    '%Y-%m-%d %H\\:%M\\:%S:strftime',
    '%a %A %b %B %c %d %D %e %F %g %G %h %H %I %j %k %l %m %M %p %R %s %S %T %u %U %V %w %W %x %X %y %Y %Z %z %%:strftime',
  ],
  ...['%H\\:%M\\:%S:valstrftime', '%W w %d d %D D %h h %H H %m m %M M %s s %S S %f f %05h|%3m|%.2S:valstrfduration'],
];
for (const def of ['in:AVERAGE', 'temp:MIN']) {
  test(`PRINT of VDEFs and columns of ${def} is rrdtool's, its times too`, { skip }, async () => {
    const names = [
      'MAXIMUM',
      'MINIMUM',
      'AVERAGE',
      'STDEV',
      'LAST',
      'FIRST',
      'TOTAL',
      '95,PERCENT',
      '5,PERCENTNAN',
      'LSLSLOPE',
      'LSLINT',
      'LSLCORREL',
    ];
    const made = names.flatMap((name, index) => [`VDEF:v${index}=x,${name}`, `VDEF:w${index}=y,${name}`]);
    const shown = names.flatMap((_, index) => prints.flatMap((format) => [`PRINT:v${index}:${format}`, `PRINT:w${index}:${format}`]));
    const ofColumns = ['AVERAGE', 'MIN', 'MAX', 'LAST'].flatMap((cf) => [
      `PRINT:x:${cf}:%lf%s`,
      `PRINT:z:${cf}:%lf%S`,
      `PRINT:y:${cf}:%lg`,
    ]);
    const range = ['-s', '1700007240', '-e', '1700018640'];
    const words = [
      '/dev/null',
      ...range,
      `DEF:x=${join(data, 'made/traffic-60s.rrd')}:${def}`,
      'CDEF:y=x,1e-7,*',
      'CDEF:z=x,0,*',
      ...made,
      ...shown,
      ...ofColumns,
    ];
    for (const options of [[], ['-b', '1024'], ['--step', '600'], ['-w', '20']]) {
      const [got, wanted] = [await weir('graph', ...words, ...options), rrdtool('graph', ...words, ...options)];
      assert.deepEqual(got.stdout.split('\n'), wanted.stdout.split('\n'), got.stderr + wanted.stderr);
    }
  });
}

test('what cannot be printed is refused in the same words', { skip }, async () => {
  const words = (print) => ['graph', '/dev/null', `DEF:a=${join(data, 'made/traffic-60s.rrd')}:in:AVERAGE`, 'VDEF:m=a,MAXIMUM', print];
  for (const print of [
    'PRINT:m:%d',
    'PRINT:m:plain',
    'PRINT:m:%lf %lf',
    'PRINT:m:%',
    'PRINT:m',
    'PRINT:zz:%lf',
    'PRINT:a:%lf',
    'PRINT:m:%s %lf',
  ]) {
    const { status, stderr } = await weir(...words(print));
    assert.equal(status, 1);
    assert.equal(stderr, rrdtool(...words(print)).stderr.replace('ERROR', 'weir'), print);
  }
});

test('legends are escaped, so that a document stays one', async () => {
  const words = [
    '-s',
    '1700007240',
    '-e',
    '1700008000',
    `DEF:a=${join(data, 'made/traffic-60s.rrd')}:in:AVERAGE`,
    'XPORT:a:in "<b>" & out',
  ];
  assert.deepEqual(JSON.parse((await weir('xport', '--json', ...words)).stdout).meta.legend, ['in "<b>" & out']);
  assert.match((await weir('xport', ...words)).stdout, /<entry>in "&lt;b&gt;" &amp; out<\/entry>/);
});

test("the question: the share of time offline, from the file and from its hourly archive, is rrdtool's", { skip }, async () => {
  // An answer a minute, but none in 24 minutes of every hour; xff 0.5 makes the hour known.
  const file = join(folder, 'ping.rrd');
  const begin = 1_700_002_800;
  const updates = Array.from(
    { length: 60 * 12 },
    (_, minute) => `${begin + (minute + 1) * 60}:${minute % 60 < 24 ? 'U' : 12 + (minute % 7)}`,
  );
  rrdtool(
    'create',
    file,
    '--start',
    String(begin),
    '--step',
    '60',
    'DS:rtt:GAUGE:120:0:U',
    'RRA:AVERAGE:0.5:1:1440',
    'RRA:AVERAGE:0.5:60:48',
  );
  assert.equal(rrdtool('update', file, ...updates).status, 0);
  const range = ['-s', String(begin), '-e', String(begin + 12 * 3600)];
  const offline = [
    `DEF:rtt=${file}:rtt:AVERAGE`,
    'CDEF:off=rtt,UN,100,0,IF',
    'CDEF:smooth=off,3600,TREND',
    'CDEF:nan=off,3600,TRENDNAN',
    'XPORT:off',
    'XPORT:smooth',
    'XPORT:nan',
  ];
  for (const options of [
    ['-m', '1000'],
    ['--step', '3600'],
  ]) {
    const got = await weir('xport', ...options, ...range, ...offline);
    assert.equal(got.stdout, rrdtool('xport', ...options, ...range, ...offline).stdout);
    const lastRow = got.stdout.trim().split('\n').at(-3);
    assert.equal(/<v>([^<]*)<\/v><\/row>$/.exec(lastRow)?.[1], options[0] === '-m' ? '4.0000000000e+01' : '0.0000000000e+00');
  }
});

test('the question, in the store: 40 % of the time at a minute, an hour, a day and a month, where only hours are held', async () => {
  const store = join(folder, 'store');
  const begin = 1_700_006_400;
  const days = 32;
  const words = ['--start', String(begin), '--step', '60', 'DS:rtt:GAUGE:120:0:U', 'RRA:AVERAGE:0.5:1:1440', 'RRA:AVERAGE:0.5:60:8760'];
  assert.equal((await weir('--data', store, 'create', 'ping.rrd', ...words)).status, 0);
  const updates = Array.from(
    { length: 1440 * days },
    (_, minute) => `${begin + (minute + 1) * 60}:${minute % 60 < 24 ? 'U' : 12 + (minute % 7)}`,
  );
  const fed = await weir('--data', store, 'update', 'ping.rrd', ...updates);
  assert.equal(fed.status, 0, fed.stderr);
  const end = begin + days * 86_400;
  const offline = [
    'DEF:rtt=ping.rrd:rtt:AVERAGE',
    'CDEF:off=rtt,UN,100,0,IF',
    'VDEF:all=off,AVERAGE',
    'CDEF:whole=off,POP,all,0,+',
    'XPORT:off',
    'XPORT:whole',
  ];
  const ask = async (step, seconds, rows) => {
    const range = ['-s', String(end - seconds), '-e', String(end), '-m', '50000', '--step', String(step)];
    const { stdout, stderr } = await weir('--data', store, 'xport', '--json', ...range, ...offline);
    const { data } = JSON.parse(stdout || `{"data":"${stderr}"}`);
    assert.equal(data.length, rows);
    return data;
  };
  const minutes = await ask(60, 3600, 60);
  assert.deepEqual(
    minutes.map(([off]) => off),
    Array.from({ length: 60 }, (_, minute) => (minute < 24 ? 100 : 0)),
  );
  for (const [step, seconds, rows] of [
    [3600, 86_400, 24],
    [3600, 30 * 86_400, 720],
    [86_400, 30 * 86_400, 30],
    [30 * 86_400, 30 * 86_400, 2],
  ]) {
    for (const [off, whole] of await ask(step, seconds, rows))
      assert.ok(Math.abs(off - 40) < 1e-9 && Math.abs(whole - 40) < 1e-9, `${step}: ${off}, ${whole}`);
  }
});

test('a damaged file ends in one line with the offset', async () => {
  const whole = readFileSync(join(data, 'made/ping-300s.rrd'));
  const cases = [
    [whole.subarray(0, 1000), /^weir: .*bad\.rrd@1000: .*cut short/],
    [Buffer.from('corrupt rrd file'.repeat(8)), /^weir: .*bad\.rrd@0: not an RRD file/],
    [Buffer.concat([whole.subarray(0, 4), Buffer.from('0009'), whole.subarray(8)]), /^weir: .*bad\.rrd@4: RRD file version '0009'/],
    [
      Buffer.from('<?xml version="1.0"?>\n<rrd>\n<version>0003</version>\n<step>x</step>'),
      /^weir: .*bad\.rrd@52: 'x' in <step> is no whole number/,
    ],
  ];
  for (const [bytes, wanted] of cases) {
    writeFileSync(join(folder, 'bad.rrd'), bytes);
    for (const words of [
      ['info', join(folder, 'bad.rrd')],
      ['fetch', join(folder, 'bad.rrd'), 'AVERAGE'],
      ['xport', `DEF:a=${join(folder, 'bad.rrd')}:x:AVERAGE`, 'XPORT:a'],
    ]) {
      const { status, stdout, stderr } = await weir(...words);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, wanted);
    }
  }
});

test('every verb over a file with damage ends with an answer or with one line', async () => {
  const file = join(folder, 'flipped.rrd');
  let state = 7;
  const below = (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % count;
  };
  for (const name of ['real/v1-little-64.rrd', 'real/v3-big-32.rrd', 'real/arch-golden-rrdtool1.xml']) {
    const whole = readFileSync(join(data, name));
    for (let run = 0; run < 60; run++) {
      const bytes = Buffer.from(whole);
      for (let flips = 1 + below(3); flips > 0; flips--) bytes[below(1180)] = below(3) === 0 ? 255 : below(256);
      writeFileSync(file, bytes);
      const range = ['-s', '920804400', '-e', '920808000'];
      const expression = [`DEF:a=${file}:speed:AVERAGE`, 'CDEF:z=a,600,TREND,NEWDAY,+,LTIME,+', 'VDEF:v=z,95,PERCENT'];
      for (const words of [
        ['info', file],
        ['lastupdate', file],
        ['dump', file],
        ['fetch', file, 'AVERAGE', ...range],
        ['xport', ...range, ...expression, 'XPORT:z'],
        ['graph', '-', ...range, ...expression, 'PRINT:v:%lf'],
      ]) {
        const { status, stderr } = await weir(...words);
        assert.ok(
          status === 0 ? stderr === '' : /^weir: [^\n]+\n$/.test(stderr) && !stderr.includes('fault of Weir'),
          `${words[0]}: ${stderr}`,
        );
      }
    }
  }
});
