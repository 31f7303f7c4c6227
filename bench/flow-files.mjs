// nfcapd files read, side by side with nfdump: every field into columns, and packets and bytes alone, against `nfdump -o null` (the cheapest full read that it
// has) on the same file, not packed, LZ4, LZO and BZ2, each packed by nfdump itself. `node bench/flow-files.mjs [FLOWS [ROUNDS]]`; fresh processes, order
// alternated, medians. With the name of a job behind (`columns`, `counters`) it does that job on a file and prints its seconds: what the bench starts.
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
  const start = performance.now();
  for await (const batch of readFlows([path], options).batches()) {
    flows += batch.count;
    for (let row = 0; row < batch.count; row++) {
      packets += batch.packets[row];
      bytes += batch.bytes[row];
    }
  }
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`${JSON.stringify({ seconds, flows, packets, bytes })}\n`);
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
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const [program, ...words] = commands[name];
      const start = performance.now();
      const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', timeout: 600_000 });
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      const seconds = words[1] === 'columns' || words[1] === 'counters' ? JSON.parse(stdout).seconds : (performance.now() - start) / 1000;
      times[name].push(seconds);
    }
  }
  const median = (list) => list.sort((one, two) => one - two)[Math.floor(list.length / 2)];
  const base = median(times['nfdump -o null']);
  process.stdout.write(`${kind}: ${Math.round(statSync(path).size / 1e6)} MB\n`);
  for (const name of names) {
    const seconds = median(times[name]);
    const rate = (flows / seconds / 1e6).toFixed(2).padStart(6);
    process.stdout.write(
      `  ${name.padEnd(22)} ${seconds.toFixed(3)} s ${rate} M flows/s  ${(base / seconds).toFixed(2)} x nfdump -o null\n`,
    );
  }
}
