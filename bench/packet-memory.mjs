// What `weir packets` holds in memory as more and more flows pass, in order, declared sorted and shuffled (spilling); and whole frames beside `cat`
// of the same capture. `npm run bench -- packet-memory [MILLION_PACKETS] [RUNS] [PART...]`, parts: payload, memory. Files lie in /dev/shm.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../bin/weir', import.meta.url));
const [million, runs] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 3)];
const parts = process.argv.slice(4).length > 0 ? process.argv.slice(4) : ['payload', 'memory'];
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-bench-'));
const say = (text) => process.stdout.write(`${text}\n`);

try {
  say(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}, medians of ${runs}`);
  if (parts.includes('payload')) payload();
  if (parts.includes('memory')) memory();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Whole frames, fewer packets. */
function payload() {
  const source = generate('payload.csv', {
    flows: 100_000,
    packetsEach: Math.max(1, Math.round((million * 1e6) / 100_000 / 12)),
    open: 10_000,
  });
  const target = join(folder, 'payload.pcap');
  const [made, copied] = [[], []];
  let last;
  for (let run = 0; run < runs; run++) {
    rmSync(target, { force: true });
    last = weir(['packets', source, '-o', target, '--json']);
    made.push(last.seconds);
    copied.push(timed('cat', [target], join(folder, 'copy')).seconds);
    rmSync(join(folder, 'copy'), { force: true });
  }
  const megabytes = statSync(target).size / 1e6;
  say(
    `full payload, 10k open: ${rate(last.summary.packets, made)} M packets/s, ${(megabytes / median(made)).toFixed(0)} MB/s, ${((100 * median(copied)) / median(made)).toFixed(0)} % of cat's rate`,
  );
  rmSync(target);
  rmSync(source);
}

/** Peak memory must not grow with the flows that pass. */
function memory() {
  for (const flows of [1_000_000, 10_000_000]) {
    for (const shuffled of [false, true]) {
      const source = generate('memory.csv', { flows, packetsEach: 2, open: 10_000, shuffled });
      for (const words of shuffled ? [[]] : [[], ['--sorted']]) {
        const { summary, seconds, peakMegabytes } = weir([
          'packets',
          source,
          '--snaplen',
          'headers',
          '-o',
          '/dev/null',
          '--json',
          ...words,
        ]);
        const order = shuffled ? 'shuffled' : 'in order';
        say(
          `${flows / 1e6} M flows ${order} ${words.join(' ')}: peak ${peakMegabytes} MB, ${seconds.toFixed(1)} s, ${summary.packets} packets`,
        );
      }
      rmSync(source);
    }
  }
}

/** Flows a 20th of a millisecond apart, each open for about `open` of those steps; 3 in 4 TCP, the rest UDP. */
function generate(name, { flows, packetsEach, open, shuffled = false }) {
  const path = join(folder, name);
  const descriptor = openSync(path, 'w');
  const [stepNs, chunkRows] = [50_000, 20_000];
  let state = 42;
  const random = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
  const time = (ns) => {
    const micros = Math.round(ns / 1000);
    return `${1_700_000_000 + Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`;
  };
  // A stride that is coprime to the number of flows visits each once, far from the one before.
  const stride = shuffled ? 7_368_787 : 1;
  let rows = [];
  for (let row = 0; row < flows; row++) {
    const number = (row * stride) % flows;
    const first = number * stepNs;
    const last = first + open * stepNs * (0.5 + random(1000) / 1000);
    const count = Math.max(1, Math.round(packetsEach * (0.5 + random(1000) / 1000)));
    const isTcp = random(4) > 0;
    rows.push(
      `${time(first)},${time(last)},10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255},192.168.${random(256)}.${random(256)},${1024 + random(60000)},${random(1024)},${isTcp ? 6 : 17},0,${isTcp ? 27 : 0},${count},${count * (40 + random(1000))},1,2,3582,15133\n`,
    );
    if (rows.length === chunkRows || row + 1 === flows) {
      writeSync(descriptor, rows.join(''));
      rows = [];
    }
  }
  closeSync(descriptor);
  return path;
}

/** Runs the command; its peak memory is asked of GNU time. */
function weir(words) {
  const noted = join(folder, 'time');
  const { seconds, stdout, stderr, status } = timed('/usr/bin/time', ['-f', '%M', '-o', noted, process.execPath, bin, ...words]);
  if (status !== 0) throw new Error(stderr);
  return {
    seconds,
    summary: JSON.parse(stdout),
    peakMegabytes: Math.round(Number(readFileSync(noted, 'utf8').trim().split('\n').at(-1)) / 1024),
  };
}

function timed(program, words, into) {
  const output = into === undefined ? 'pipe' : openSync(into, 'w');
  const started = process.hrtime.bigint();
  const { stdout, stderr, status } = spawnSync(program, words, { encoding: 'utf8', stdio: ['ignore', output, 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (into !== undefined) closeSync(output);
  return { seconds, stdout, stderr, status };
}

function rate(packets, seconds) {
  return (packets / 1e6 / median(seconds)).toFixed(1);
}

function median(values) {
  return [...values].sort((left, right) => left - right)[values.length >> 1];
}
