// weir top as a person runs it: the sample log against goldens and against awk and GoAccess, formats, exit codes, a log that grows.
// WEIR_UPDATE=1 writes the goldens anew, to be reviewed in the diff.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { hasProgram } from '../build/peers.mjs';
import { folderFor, serve } from './hits-daemon.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const sample = join(root, 'samples/access.log');
const golden = join(root, 'test/golden/top');
const weir = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'top', ...words], {
    cwd: golden,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 600_000,
  });
const rowsOf = ({ stdout }) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const missing = (program) => (hasProgram(program) || process.env.CI === 'true' ? false : `${program} is missing`);

const goldens = {
  'table.txt': ['--per', 'day', '--by', 'url,keyword,status', '-n', '5', '--visitors'],
  'berlin.json': ['--per', 'month', '--tz', 'Europe/Berlin', '--by', 'url,keyword,host,status,agent', '--json'],
  'compare.txt': ['--per', 'day', '--compare', 'previous', '--by', 'keyword', '-n', '3'],
  'lists.csv': ['--by', 'url+status,referer', '--with-query', '-n', '4', '--csv'],
};

for (const [name, words] of Object.entries(goldens)) {
  test(`golden ${name}`, () => {
    const { stdout, stderr, status } = weir(...words, sample);
    assert.equal(status, 0);
    assert.equal(stderr, `weir: ${sample}:778: no time, or no such date\nweir: 1 of 2001 lines rejected: time 1\n`);
    if (process.env.WEIR_UPDATE === '1') {
      mkdirSync(golden, { recursive: true });
      writeFileSync(join(golden, name), stdout);
    }
    assert.equal(stdout, readFileSync(join(golden, name), 'utf8'));
  });
}

test('every way in gives the same: gzip, standard input, pieces, syslog around, one core or two', (t) => {
  const folder = folderFor(t);
  const words = ['--json', '--per', 'hour', '--by', 'url,keyword,host,agent', '-n', '1000'];
  const expected = weir(...words, sample).stdout;
  const text = readFileSync(sample);
  writeFileSync(join(folder, 'a.gz'), gzipSync(text));
  assert.equal(weir(...words, join(folder, 'a.gz')).stdout, expected);
  const fed = spawnSync(process.execPath, [join(root, 'bin/weir'), 'top', ...words, '-'], { input: text, encoding: 'utf8' });
  assert.equal(fed.stdout, expected);
  const lines = text.toString().trimEnd().split('\n');
  writeFileSync(join(folder, 'one.log'), `${lines.slice(0, 700).join('\n')}\n`);
  writeFileSync(join(folder, 'two.log'), lines.slice(700).join('\r\n'));
  assert.equal(weir(...words, join(folder, 'one.log'), join(folder, 'two.log')).stdout, expected);
  writeFileSync(join(folder, 'syslog'), lines.map((line) => `<134>1 2026-11-24T00:00:00Z web nginx 7 - - ${line}\n`).join(''));
  assert.equal(weir(...words, join(folder, 'syslog')).stdout, expected);
});

test('a zstd file', { skip: missing('zstd') }, (t) => {
  const packed = join(folderFor(t), 'a.zst');
  execFileSync('zstd', ['-q', sample, '-o', packed]);
  assert.equal(weir('--json', packed).stdout, weir('--json', sample).stdout);
});

test('two cores give the bytes of one', (t) => {
  const folder = folderFor(t);
  const text = readFileSync(sample);
  const large = join(folder, 'large.log');
  writeFileSync(large, Buffer.concat(Array.from({ length: 480 }, () => text)));
  assert.ok(statSync(large).size > 140 << 20);
  const words = ['--json', '--per', 'day', '--by', 'url,keyword,host', '-n', '50', large];
  const one = weir('--cores', '1', ...words);
  const two = weir('--cores', '2', ...words);
  assert.equal(two.stdout, one.stdout);
  assert.equal(two.stderr.split('\n').at(-2), one.stderr.split('\n').at(-2));
  assert.equal(
    rowsOf(one).reduce((sum, row) => sum + (row.by === 'url' ? row.requests : 0), 0),
    960_000,
  );
});

test('counts agree with mawk', { skip: missing('mawk') }, () => {
  const script = '{u=$7; i=index(u,"?"); if (i) u=substr(u,1,i-1); if ($4 !~ /2026:31:/) c[u]++} END {for (x in c) print c[x], x}';
  const counts = execFileSync('mawk', [script, sample], { encoding: 'utf8' }).trim().split('\n');
  const truth = Object.fromEntries(counts.map((line) => [line.slice(line.indexOf(' ') + 1), Number(line.slice(0, line.indexOf(' ')))]));
  const [row] = rowsOf(weir('--by', 'url', '-n', '10000', '--json', sample));
  assert.deepEqual(Object.fromEntries(row.top.map(({ key, count }) => [key, count])), truth);
});

test('totals agree with GoAccess', { skip: missing('goaccess') }, (t) => {
  const out = join(folderFor(t), 'report.json');
  execFileSync('goaccess', [sample, '--log-format=COMBINED', '-o', out, '--no-progress', '--no-global-config'], { stdio: 'ignore' });
  const { general } = JSON.parse(readFileSync(out, 'utf8'));
  const [row] = rowsOf(weir('--by', 'url', '--json', sample));
  assert.equal(row.requests, general.valid_requests);
  assert.equal(row.bytes, general.bandwidth);
});

test('a log that grows while it is read: what was there at the start is counted', async (t) => {
  const log = join(folderFor(t), 'growing.log');
  const text = readFileSync(sample, 'utf8');
  writeFileSync(log, text);
  const child = spawn(process.execPath, [join(root, 'bin/weir'), 'top', '--json', '--by', 'url', log], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const timer = setInterval(() => appendFileSync(log, text.slice(0, 5000)), 1);
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  clearInterval(timer);
  const { requests } = JSON.parse(output);
  assert.ok(requests >= 2000 && requests <= readFileSync(log, 'utf8').split('\n').length);
});

test('wrong words, missing files, damaged gzip, strict, an empty log', (t) => {
  const folder = folderFor(t);
  for (const words of [
    [],
    ['--by', 'nosuch', sample],
    ['--tz', 'Mars/Olympus', sample],
    ['--per', 'week', sample],
    ['--format', 'x', sample],
    ['-n', 'x', sample],
    ['--memory', '1Q', sample],
  ]) {
    const { status, stderr, stdout } = weir(...words);
    assert.equal(status, 2, words.join(' '));
    assert.match(stderr, /^weir: [^\n]+\n$/);
    assert.equal(stdout, '');
  }
  const lost = weir('--json', '--by', 'status', join(folder, 'nosuch.log'), sample);
  assert.equal(lost.status, 1);
  assert.match(lost.stderr, /nosuch\.log: no such file or folder/);
  assert.equal(rowsOf(lost)[0].requests, 2000);
  const packed = gzipSync(readFileSync(sample));
  writeFileSync(join(folder, 'cut.gz'), packed.subarray(0, packed.length - 2000));
  const cut = weir('--json', '--by', 'status', join(folder, 'cut.gz'));
  assert.equal(cut.status, 1);
  assert.ok(rowsOf(cut)[0].requests > 500);
  const strict = weir('--strict', sample);
  assert.equal(strict.status, 1);
  assert.equal(strict.stdout, '');
  writeFileSync(join(folder, 'empty.log'), '');
  assert.deepEqual([weir('--json', join(folder, 'empty.log')).status, weir('--json', join(folder, 'empty.log')).stdout], [0, '']);
});

test('a folder, a glob, a store and a running server', async (t) => {
  const folder = folderFor(t);
  const logs = join(folder, 'logs', 'deep');
  mkdirSync(logs, { recursive: true });
  writeFileSync(join(logs, 'a.log'), readFileSync(sample));
  writeFileSync(join(logs, 'b.log.gz'), gzipSync(readFileSync(sample)));
  const words = ['--json', '--by', 'url', '--per', 'day', '-n', '3'];
  const twice = weir(...words, sample, sample).stdout;
  assert.equal(weir(...words, join(folder, 'logs')).stdout, twice);
  assert.equal(weir(...words, join(folder, 'logs/*/*.log*')).stdout, twice);
  const nothing = weir(...words, join(folder, 'no*'), sample);
  assert.deepEqual([nothing.status, rowsOf(nothing).length > 0], [1, true]);
  assert.match(nothing.stderr, /no\*: no file matches/);
  const run = (...rest) =>
    spawnSync(process.execPath, [join(root, 'bin/weir'), ...rest], { cwd: folder, encoding: 'utf8', timeout: 600_000 });
  assert.equal(run('load', sample).status, 0);
  // Counts of a store know nothing of lines that were refused.
  const bare = (text) => text.replaceAll(/,"rejected":\{[^}]*\}/g, '');
  const expected = bare(weir(...words, sample).stdout);
  for (const store of [[], ['weir-data'], ['--data', 'weir-data']]) assert.equal(run('top', ...words, ...store).stdout, expected);
  const daemon = await serve(t, folder, '');
  const posted = await fetch(`${daemon.url}/ingest/logs`, { method: 'POST', body: readFileSync(sample) });
  assert.equal(posted.status, 200);
  assert.equal(run('top', daemon.url, ...words).stdout, expected);
  const wrong = run('top', daemon.url, '--by', 'referer');
  assert.deepEqual([wrong.status, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /the store keeps agent, host, keyword, status, url/);
  await daemon.stop();
  assert.equal(run('top', daemon.url).status, 1);
});

test('compared with a period, with the one before, with one that is not there', () => {
  const rows = rowsOf(weir('--json', '--by', 'url', '--per', 'day', '-n', '2', '--compare', 'previous', sample));
  assert.deepEqual([rows[0].compared, rows[1].compared.period, rows[1].top[0].before >= 0], [undefined, rows[0].period, true]);
  const none = weir('--json', '--by', 'url', '--per', 'day', '--compare', '1999-01-01', sample);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /no requests in a period of that name/);
});

test('the report stands alone and escapes what logs say', (t) => {
  const folder = folderFor(t);
  const log = join(folder, 'evil.log');
  writeFileSync(log, '10.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET /<script>alert(1)</script> HTTP/1.1" 200 5 "-" "\\"><img src=x>"\n');
  const html = join(folder, 'report.html');
  assert.equal(weir('--by', 'url,agent', '--html', html, log).status, 0);
  const text = readFileSync(html, 'utf8');
  assert.ok(!text.includes('<script') && !text.includes('<img') && !/(src|href)=/.test(text.replaceAll(/&[a-z#0-9]+;.*?</g, '')));
  assert.match(text, /&lt;script&gt;alert/);
  assert.ok(!text.includes('time served'));
  const timed = ['--format', '%h %l %u %t "%r" %>s %b %D', '--by', 'url', '--html', html];
  writeFileSync(log, '10.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET /x HTTP/1.1" 200 5 1500\n');
  assert.equal(weir(...timed, log).status, 0);
  assert.match(readFileSync(html, 'utf8'), /time served <small>1 requests say it.*1\.0 ms to 2\.0 ms/s);
});
