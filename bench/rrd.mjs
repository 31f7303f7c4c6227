// .rrd files beside rrdtool: xport of a day and of a year and a dump, as commands (fresh processes, order alternated, medians, CPU seconds of the
// children) and in one process (rrdtool in its remote-control mode). `node bench/rrd.mjs [RUNS]`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineClock } from '../dist/base/wall-clock.js';
import { parseRrdScript } from '../dist/query/rrd-script.js';
import { RrdFetcher } from '../dist/query/rrd-series.js';
import { xport } from '../dist/query/xport.js';
import { xportText } from '../dist/render/rrd-xport.js';

const runs = Number(process.argv[2] ?? 9);
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-rrd-'));
const file = join(folder, 'year.rrd');
const weir = fileURLToPath(new URL('../bin/weir', import.meta.url));
const environment = { ...process.env, TZ: 'UTC' };
const say = (text) => process.stdout.write(`${text}\n`);
const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];
const end = 1_731_628_800;
const year = 365 * 86_400;

say(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`);
makeYear();
const day = ['-s', String(end - 86_400), '-e', String(end)];
const ofYear = ['-s', String(end - year), '-e', String(end)];
const script = [
  `DEF:in=${file}:in:AVERAGE`,
  `DEF:out=${file}:out:AVERAGE`,
  'CDEF:sum=in,out,+,8,*',
  'XPORT:in:in',
  'XPORT:out:out',
  'XPORT:sum:bits',
];
const jobs = [
  ['xport of a day, 400 rows', ['xport', ...day, ...script]],
  ['xport of a day, 1,441 rows', ['xport', ...day, '-m', '2000', ...script]],
  ['xport of a year, 400 rows', ['xport', ...ofYear, ...script]],
  ['xport of a year, 8,761 rows', ['xport', ...ofYear, '-m', '9000', ...script]],
  ['dump', ['dump', file]],
];
say('\nas commands                    rrdtool ms (CPU)   weir ms (CPU)   node alone');
for (const [label, words] of jobs) {
  const times = { rrdtool: [], weir: [], node: [] };
  const spent = { rrdtool: 0, weir: 0, node: 0 };
  for (let run = 0; run < runs; run++) {
    const order = [
      ['rrdtool', () => spawnSync('rrdtool', words, { env: environment, maxBuffer: 1 << 30 })],
      ['weir', () => spawnSync(process.execPath, [weir, 'rrd', ...words], { env: environment, maxBuffer: 1 << 30 })],
      ['node', () => spawnSync(process.execPath, ['-e', '0'], { env: environment })],
    ];
    for (const [who, start] of run % 2 === 0 ? order : order.reverse()) {
      const [cpu, began] = [childSeconds(), performance.now()];
      if (start().status !== 0) throw new Error(`${who} failed`);
      times[who].push(performance.now() - began);
      spent[who] += childSeconds() - cpu;
    }
  }
  const shown = (who) => `${median(times[who]).toFixed(0)} (${((spent[who] / runs) * 1000).toFixed(0)})`;
  say(`${label.padEnd(30)} ${shown('rrdtool').padStart(16)} ${shown('weir').padStart(15)} ${shown('node').padStart(12)}`);
}

say('\nin one process, CPU ms each    rrdtool      weir');
for (const [label, words] of jobs.slice(0, 4)) {
  const count = 200;
  const input = `${words.map((word) => `"${word}"`).join(' ')}\n`.repeat(count);
  const theirs = [];
  const ours = [];
  for (let index = 0; index < 600; index++) await answer(words);
  for (let run = 0; run < 5; run++) {
    const before = childSeconds();
    spawnSync('rrdtool', ['-'], { input, env: environment, maxBuffer: 1 << 30 });
    theirs.push(((childSeconds() - before) * 1000) / count);
    const began = process.cpuUsage();
    for (let index = 0; index < count; index++) await answer(words);
    const { user, system } = process.cpuUsage(began);
    ours.push((user + system) / 1000 / count);
  }
  say(`${label.padEnd(30)} ${median(theirs).toFixed(2).padStart(7)} ${median(ours).toFixed(2).padStart(9)}`);
}
rmSync(folder, { recursive: true });

/** Opens the file, calculates, and makes the text, as the command does. */
async function answer(words) {
  const rest = words.slice(1);
  const take = (name) => (rest.includes(name) ? rest.splice(rest.indexOf(name), 2)[1] : undefined);
  const range = { start: Number(take('-s')), end: Number(take('-e')), maxRows: Number(take('-m') ?? 400), step: 0 };
  const fetcher = new RrdFetcher();
  const world = { now: end, clock: machineClock, firstWeekday: 0 };
  const table = await xport(parseRrdScript(rest, end, machineClock), range, fetcher, world);
  fetcher.close();
  let size = 0;
  for (const piece of xportText(table, { json: false, showTime: false, enumerate: false })) size += piece.length;
  return size;
}

/** CPU seconds of the children so far, from the kernel (ticks of 10 ms). */
function childSeconds() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** A year of minutes of two counters, with gaps, by rrdtool itself: a day a line. */
function makeYear() {
  const create = `create ${file} --start ${end - year} --step 60 DS:in:COUNTER:120:0:U DS:out:COUNTER:120:0:U RRA:AVERAGE:0.5:1:43200 RRA:AVERAGE:0.5:60:8784 RRA:MAX:0.5:60:8784\n`;
  const lines = [create];
  let [inward, outward, state] = [0, 0, 7];
  for (let from = end - year; from < end; from += 86_400) {
    const words = [];
    for (let time = from + 60; time <= from + 86_400; time += 60) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      inward += state % 6_000_000;
      outward += state % 1_000_000;
      words.push(state % 97 === 0 ? `${time}:U:U` : `${time}:${inward}:${outward}`);
    }
    lines.push(`update ${file} ${words.join(' ')}\n`);
  }
  const made = spawnSync('rrdtool', ['-'], { input: lines.join(''), env: environment, maxBuffer: 1 << 28 });
  if (made.status !== 0 || /ERROR/.test(String(made.stdout))) throw new Error(`rrdtool: ${String(made.stdout).slice(0, 300)}`);
}
