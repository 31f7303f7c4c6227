// Updates beside rrdtool: the same lines on standard input of `rrdtool -` and of `weir rrd -`, in fresh processes, order alternated, medians; real time, and CPU
// seconds (user and system) of the process. rrdtool leaves its pages to the system; each OK of weir comes after its reading is on the disk.
// `node bench/rrd-updates.mjs [RUNS] [SCALE]`: a reading a line, 60 a line, and a thousand files in turn.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const runs = Number(process.argv[2] ?? 3);
const scale = Number(process.argv[3] ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-rrd-updates-'));
const weir = fileURLToPath(new URL('../bin/weir', import.meta.url));
const say = (text) => process.stdout.write(`${text}\n`);
const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];
const start = 1_700_000_040;
const definition = `--start ${start} --step 60 DS:rtt:GAUGE:120:0:U RRA:AVERAGE:0.5:1:20000 RRA:AVERAGE:0.5:60:9000 RRA:MAX:0.5:60:9000`;

let state = 7;
function value() {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return state % 41 === 0 ? 'U' : (state % 100_000) / 1000;
}
const reading = (index) => `${start + 60 * (index + 1)}:${value()}`;
const lines = (count, line) => `${Array.from({ length: Math.round(count * scale) }, (_, index) => line(index)).join('\n')}\n`;
const jobs = [
  { name: 'one file, a reading a line', files: 1, points: 60_000, input: lines(60_000, (index) => `update f0.rrd ${reading(index)}`) },
  {
    name: 'one file, 60 readings a line',
    files: 1,
    points: 1_200_000,
    input: lines(20_000, (line) => `update f0.rrd ${Array.from({ length: 60 }, (_, index) => reading(line * 60 + index)).join(' ')}`),
  },
  {
    name: '1,000 files in turn, a reading a line',
    files: 1000,
    points: 60_000,
    input: lines(60_000, (index) => `update f${index % 1000}.rrd ${reading(Math.floor(index / 1000))}`),
  },
];

say(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`);
say('\nreadings a second: real time (CPU time)          rrdtool -              weir rrd -');
for (const { name, files, points, input } of jobs) {
  const found = { rrdtool: [], weir: [] };
  for (let run = 0; run < runs; run++)
    for (const who of run % 2 === 0 ? ['rrdtool', 'weir'] : ['weir', 'rrdtool']) found[who].push(await once(who, files, input));
  const shown = (who) => {
    const rate = (pick) => Math.round((points * scale) / median(found[who].map(pick))).toLocaleString('en');
    return `${rate(({ real }) => real)} (${rate(({ cpu }) => cpu)})`;
  };
  say(`${name.padEnd(38)} ${shown('rrdtool').padStart(22)} ${shown('weir').padStart(22)}`);
}
rmSync(folder, { recursive: true });

async function once(who, files, input) {
  const cwd = join(folder, who);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd);
  const [program, words] = who === 'rrdtool' ? ['rrdtool', ['-']] : [process.execPath, [weir, 'rrd', '-']];
  const run = (text) => {
    const result = spawnSync(program, words, { cwd, input: text, env: { ...process.env, TZ: 'UTC' }, maxBuffer: 1 << 30 });
    if (result.status !== 0 || /ERROR/.test(String(result.stdout))) throw new Error(`${who}: ${String(result.stdout).slice(0, 300)}`);
  };
  run(Array.from({ length: files }, (_, index) => `create f${index}.rrd ${definition}\n`).join(''));
  const [cpu, began] = [childSeconds(), performance.now()];
  run(input);
  return { real: (performance.now() - began) / 1000, cpu: childSeconds() - cpu };
}

/** CPU seconds of the children so far, from the kernel (ticks of 10 ms). */
function childSeconds() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}
