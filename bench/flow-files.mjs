// nfcapd files read, side by side with nfdump: every field into columns, and packets and bytes alone, against `nfdump -o null` (the cheapest full read that it
// has) on the same file, not packed, LZ4, LZO and BZ2, each packed by nfdump itself. `node bench/flow-files.mjs [FLOWS [ROUNDS]]`; fresh processes, order
// alternated, medians; CPU seconds where cores are shared. With the name of a job behind (`columns`, `counters`) it does that job on a file and prints its seconds: what the bench starts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { writeNfcapd } from '../test/nfcapd-files.mjs';

const packers = { lz4: '-y', lzo: '-z', bz2: '-j' };

if (process.argv[2] === 'columns' || process.argv[2] === 'counters') await job(process.argv[2], process.argv[3], process.argv[4]);
else bench(Number(process.argv[2] ?? 3_000_000), Number(process.argv[3] ?? 5));

/** One read of a file in this process, after a small one that warms it; the seconds of the read and of the whole process. */
async function job(kind, path, threads) {
  const { readFlows } = await import('../dist/collect/open.js');
  const options = {
    ...(kind === 'counters' ? { wanted: [] } : {}),
    ...(threads === undefined ? {} : { unpackers: Number(threads) }),
  };
  let [flows, packets, bytes] = [0, 0, 0];
  const [start, before] = [performance.now(), process.cpuUsage()];
  for await (const batch of readFlows([path], options).batches()) {
    flows += batch.count;
    for (let row = 0; row < batch.count; row++) {
      packets += batch.packets[row];
      bytes += batch.bytes[row];
    }
  }
  const { user, system } = process.cpuUsage(before);
  const [wall, cpu] = [(performance.now() - start) / 1000, (user + system) / 1e6];
  process.stdout.write(`${JSON.stringify({ wall, cpu, flows, packets, bytes })}\n`);
}

function bench(flows, rounds) {
  if (!hasProgram('nfdump')) throw new Error('nfdump is missing');
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-bench-files-'));
  try {
    const plain = join(folder, 'nfcapd.none');
    writeNfcapd(plain, { flows, startMs: Date.UTC(2026, 10, 23, 17) });
    process.stdout.write(
      `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}: ${flows} flows\n`,
    );
    for (const kind of ['none', ...Object.keys(packers)]) {
      const path = join(folder, `nfcapd.${kind}`);
      if (kind !== 'none') spawnSync('nfdump', ['-r', plain, packers[kind], '-w', path]);
      measure(kind, path, flows, kind === 'bz2' ? Math.min(rounds, 3) : rounds);
      if (kind !== 'none') rmSync(path);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(kind, path, flows, rounds) {
  const me = fileURLToPath(import.meta.url);
  const commands = {
    'nfdump -o null': ['nfdump', '-r', path, '-q', '-o', 'null'],
    'columns, this thread': [process.execPath, me, 'columns', path, '0'],
    'columns, all cores': [process.execPath, me, 'columns', path],
    'counters, this thread': [process.execPath, me, 'counters', path, '0'],
    'weir flows --count': [process.execPath, join(fileURLToPath(new URL('..', import.meta.url)), 'bin/weir'), 'flows', path, '--count'],
  };
  const names = Object.keys(commands);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : [...names].reverse()) runs[name].push(timed(name, commands[name]));
  const median = (name, of) => {
    const sorted = runs[name].map((run) => run[of]).sort((one, two) => one - two);
    return sorted[Math.floor(sorted.length / 2)];
  };
  process.stdout.write(`${kind}: ${Math.round(statSync(path).size / 1e6)} MB\n`);
  for (const name of names) {
    const [wall, cpu] = [median(name, 'wall'), median(name, 'cpu')];
    const rate = (seconds) => (flows / seconds / 1e6).toFixed(2).padStart(6);
    process.stdout.write(
      `  ${name.padEnd(22)} ${wall.toFixed(3)} s ${rate(wall)} M flows/s  ${cpu.toFixed(3)} CPU s ${rate(cpu)} M flows a CPU s  ` +
        `${(median('nfdump -o null', 'cpu') / cpu).toFixed(2)} x nfdump -o null\n`,
    );
  }
}

/** Seconds of a fresh process: on the clock and of the processor. A job of this file says its own, without the start of Node. */
function timed(name, [program, ...words]) {
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', '%e %U %S', program, ...words], {
    encoding: 'utf8',
    timeout: 600_000,
  });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  if (words[1] === 'columns' || words[1] === 'counters') return JSON.parse(stdout);
  const [wall, user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system };
}
