// Top lists of access logs, side by side, as whole commands on the same file: URL and keyword counted, one core (taskset), then Weir on all
// cores. A file of combined lines is made (seeded) unless one is given. `node bench/top.mjs [LINES or FILE] [weir,mawk]` (the second word picks who runs), medians of five, order alternated.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv[2] ?? '3000000';
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const file = existsSync(given) ? given : make(Number(given), join(folder, 'access.log'));
const lines = Number(spawnSync('wc', ['-l', file], { encoding: 'utf8' }).stdout.trim().split(' ')[0]);

// What people write: the URL without its query string, and the keyword as it stands in it.
const habit =
  '{u=$7; i=index(u,"?"); if (i) { q=substr(u,i+1); u=substr(u,1,i-1); if (match(q,/(^|&)q=[^&]*/)) k[substr(q,RSTART,RLENGTH)]++ } c[u]++} END {for (x in c) print c[x], x; for (x in k) print k[x], x}';
// What Weir counts: valid lines only, the keyword decoded, bytes and status classes too.
const same = `
function decode(s,   o, i, x) {
  gsub(/[+]/, " ", s)
  while (i = index(s, "%")) {
    x = toupper(substr(s, i + 1, 2))
    if (x in byte) { o = o substr(s, 1, i - 1) byte[x]; s = substr(s, i + 3) } else { o = o substr(s, 1, i); s = substr(s, i + 1) }
  }
  return o s
}
BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%02X", i)] = sprintf("%c", i) }
$9 !~ /^[0-9][0-9][0-9]$/ || $10 !~ /^([0-9]+|-)$/ || substr($4, 2) !~ /^[0-3][0-9]\\/[A-Z][a-z][a-z]\\/[0-9][0-9][0-9][0-9]:[0-2][0-9]:[0-5][0-9]:[0-6][0-9]$/ { bad++; next }
{
  n++; bytes += $10; class[substr($9, 1, 1)]++
  u = $7; i = index(u, "?")
  if (i) {
    q = substr(u, i); u = substr(u, 1, i - 1)
    if (match(q, /[?&](q|query|search)=[^&]+/)) { w = substr(q, RSTART + 1, RLENGTH - 1); k[decode(substr(w, index(w, "=") + 1))]++ }
  }
  c[u]++
}
END { for (x in c) print "url\t" c[x] "\t" x; for (x in k) print "keyword\t" k[x] "\t" x; print n, bytes, bad > "/dev/stderr" }`;
const pin = hasProgram('taskset') ? ['taskset', '-c', '0'] : [];
const commands = {
  'weir top, 1 core': [...pin, process.execPath, join(root, 'bin/weir'), 'top', '--cores', '1', '--by', 'url,keyword', file],
  'mawk, same answer': [...pin, 'mawk', same, file],
  'mawk, out of habit': [...pin, 'mawk', habit, file],
  'goaccess, 1 core': [
    ...pin,
    'goaccess',
    file,
    '--log-format=COMBINED',
    '-o',
    join(folder, 'report.json'),
    '--no-progress',
    '--no-global-config',
  ],
  'pipelined ioredis': [process.execPath, join(root, 'bench/top-redis.mjs'), file],
  [`weir top, ${cpus().length} cores`]: [process.execPath, join(root, 'bin/weir'), 'top', '--by', 'url,keyword', file],
};

process.stdout.write(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}: ${lines} lines, ${Math.round(statSync(file).size / 1e6)} MB\n`,
);
const wanted = (process.argv[3] ?? 'weir,mawk,goaccess,pipelined').split(',');
const names = Object.keys(commands).filter(
  (name) =>
    wanted.some((word) => name.startsWith(word)) &&
    (name.startsWith('weir') || hasProgram(name.startsWith('pipelined') ? 'redis-server' : (name.split(',')[0] ?? ''))),
);
checkAnswers();
const runs = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < 5; round++) {
  for (const name of round % 2 === 0 ? names : [...names].reverse()) {
    if (/^(goaccess|pipelined)/.test(name) && round > 0) continue;
    runs[name].push(timed(commands[name]));
  }
}
const median = (list) => list.sort((one, two) => one - two)[Math.floor(list.length / 2)];
const figures = (name) => ({ wall: median(runs[name].map((run) => run.wall)), cpu: median(runs[name].map((run) => run.cpu)) });
const base = figures('weir top, 1 core');
for (const name of names) {
  const { wall, cpu } = figures(name);
  const rate = Math.round(lines / wall).toLocaleString('en');
  process.stdout.write(
    `${name.padEnd(20)} ${wall.toFixed(2).padStart(7)} s ${rate.padStart(11)} lines/s, CPU ${cpu.toFixed(2)} s   weir on one core: ${(wall / base.wall).toFixed(1)} x as fast, ${(cpu / base.cpu).toFixed(1)} x by CPU seconds\n`,
  );
}
rmSync(folder, { recursive: true });

// Wall clock, and the CPU seconds of the command and its threads.
function timed(words) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync('sh', ['-c', '"$@" > /dev/null && times', 'sh', ...words], { encoding: 'utf8' });
  const wall = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  // The second line of `times`: minutes and seconds of user and system of the children.
  const parts = stdout
    .trim()
    .split('\n')
    .at(-1)
    .match(/[\d.]+(?=[ms])/g)
    .map(Number);
  return { wall, cpu: parts[0] * 60 + parts[1] + parts[2] * 60 + parts[3] };
}

// Weir and the mawk program of the same work agree on every count.
function checkAnswers() {
  const options = { encoding: 'utf8', maxBuffer: 1 << 30 };
  const counted = spawnSync('mawk', [same, file], options).stdout.trimEnd().split('\n').sort();
  const words = [join(root, 'bin/weir'), 'top', '--by', 'url,keyword', '-n', '9999999', '--json', file];
  const rows = spawnSync(process.execPath, words, options)
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const listed = rows.flatMap(({ by, top }) => top.map(({ key, count }) => `${by}\t${count}\t${key}`)).sort();
  if (listed.join('\n') !== counted.join('\n')) throw new Error(`weir has ${listed.length} keys, mawk ${counted.length}: they differ`);
}

// Zipf-like URLs (600,000), keywords (5,000), 200 bytes a line.
function make(count, path) {
  let state = 42;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const agents = [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:65.0) Gecko/20100101 Firefox/65.0',
    'curl/8.0',
  ];
  const descriptor = openSync(path, 'w');
  let part = [];
  for (let index = 0; index < count; index++) {
    const second = Math.floor(index / 150);
    const time = new Date(Date.UTC(2026, 9, 20) + second * 1000).toISOString();
    const item = Math.floor(600_000 ** random()) - 1;
    const kind = random();
    const url =
      kind < 0.3
        ? `/search?page=${item % 7}&q=word+${Math.floor(5000 ** random())}`
        : `/products/category-${item % 97}/item-${item}-with-a-name${kind < 0.5 ? '?ref=home' : ''}`;
    part.push(
      `10.${item % 200}.${index % 256}.${item % 251} - - [${time.slice(8, 10)}/Oct/2026:${time.slice(11, 19)} +0000] "GET ${url} HTTP/1.1" ${kind < 0.9 ? 200 : 404} ${item} "${kind < 0.5 ? '-' : 'https://www.example.com/start'}" "${agents[index % 3]}"\n`,
    );
    if (part.length < 20_000 && index + 1 < count) continue;
    writeSync(descriptor, part.join(''));
    part = [];
  }
  closeSync(descriptor);
  return path;
}
