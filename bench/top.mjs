// Top lists of access logs, side by side, as whole commands on the same file: URL and keyword counted, one core (taskset), then Weir on all
// cores. A file of combined lines is made (seeded) unless one is given. `node bench/top.mjs [LINES or FILE]`, medians of three, order alternated.
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

const script =
  '{u=$7; i=index(u,"?"); if (i) { q=substr(u,i+1); u=substr(u,1,i-1); if (match(q,/(^|&)q=[^&]*/)) k[substr(q,RSTART,RLENGTH)]++ } c[u]++} END {for (x in c) print c[x], x; for (x in k) print k[x], x}';
const pin = hasProgram('taskset') ? ['taskset', '-c', '0'] : [];
const commands = {
  'weir top, 1 core': [...pin, process.execPath, join(root, 'bin/weir'), 'top', '--cores', '1', '--by', 'url,keyword', file],
  'mawk, 1 core': [...pin, 'mawk', script, file],
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
const names = Object.keys(commands).filter(
  (name) => name.startsWith('weir') || hasProgram(name.startsWith('pipelined') ? 'redis-server' : name.split(',')[0]),
);
const times = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < 3; round++) {
  for (const name of round % 2 === 0 ? names : [...names].reverse()) {
    if (/^(goaccess|pipelined)/.test(name) && round > 0) continue;
    const [program, ...words] = commands[name];
    const start = performance.now();
    const { status, stderr } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    times[name].push((performance.now() - start) / 1000);
  }
}
const median = (list) => list.sort((one, two) => one - two)[Math.floor(list.length / 2)];
const base = median(times['weir top, 1 core']);
for (const name of names) {
  const seconds = median(times[name]);
  process.stdout.write(
    `${name.padEnd(20)} ${seconds.toFixed(2).padStart(7)} s ${Math.round(lines / seconds)
      .toLocaleString('en')
      .padStart(11)} lines/s   weir on one core is ${(seconds / base).toFixed(1)} x as fast\n`,
  );
}
rmSync(folder, { recursive: true });

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
