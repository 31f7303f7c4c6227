// The packet profile, side by side with nfdump and mawk, as whole commands on the same files: what share of flows has 1 packet, 2, 3, ...
// An hour of five-minute files is made (seeded), compressed by nfdump itself. `node bench/profile.mjs [FLOWS]`, medians of five, order alternated.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { writeNfcapd } from '../test/nfcapd-files.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const flows = Number(process.argv[2] ?? 3_000_000);
const fileCount = 12;
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-profile-'));
if (!hasProgram('nfdump')) throw new Error('nfdump is missing');

function makeFiles() {
  const begin = Date.UTC(2026, 10, 23, 17);
  for (const kind of ['none', 'lz4']) mkdirSync(join(folder, kind));
  for (let index = 0; index < fileCount; index++) {
    const startMs = begin + index * 300_000;
    const name = `nfcapd.${new Date(startMs).toISOString().slice(0, 16).replaceAll(/\D/g, '')}`;
    const [plain, packed] = [join(folder, 'none', name), join(folder, 'lz4', name)];
    writeNfcapd(plain, { flows: Math.ceil(flows / fileCount), startMs, seed: index + 1 });
    spawnSync('nfdump', ['-r', plain, '-y', '-w', packed]);
  }
}

const script = `{n[$1]++} END {for (p in n) print p, n[p]}`;
const weir = (kind, cores, ...more) => [
  process.execPath,
  join(root, 'bin/weir'),
  'profile',
  '--json',
  '--cores',
  cores,
  ...more,
  join(folder, kind),
];
const oneCore = (words) => (hasProgram('taskset') ? ['taskset', '-c', '0', ...words] : words);
const peer = (kind) => ['sh', '-c', `nfdump -R ${join(folder, kind)} -q -N -o fmt:%pkt | mawk '${script}'`];
const filter = ['--filter', 'proto tcp and port 443'];
const peerFilter = (kind) => ['sh', '-c', `nfdump -R ${join(folder, kind)} -q -N -o fmt:%pkt 'proto tcp and port 443' | mawk '${script}'`];

makeFiles();
const bytesOf = (kind) => readdirSync(join(folder, kind)).reduce((sum, name) => sum + statSync(join(folder, kind, name)).size, 0);
const total = fileCount * Math.ceil(flows / fileCount);
process.stdout.write(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}: ${total} flows, ${fileCount} files, ` +
    `${Math.round(bytesOf('none') / 1e6)} MB plain, ${Math.round(bytesOf('lz4') / 1e6)} MB LZ4\n`,
);
for (const kind of ['none', 'lz4']) {
  run(kind, {
    'nfdump | mawk': peer(kind),
    'nfdump | mawk, 1 core': oneCore(peer(kind)),
    'weir, 1 core': oneCore(weir(kind, '1')),
    'weir, all cores': weir(kind, String(cpus().length)),
    'weir, by proto and hour': weir(kind, String(cpus().length), '--group', 'proto', '--per', 'hour'),
    'nfdump | mawk, filter': peerFilter(kind),
    'weir, filter': weir(kind, String(cpus().length), ...filter),
  });
}
rmSync(folder, { recursive: true });

function run(kind, commands) {
  const names = Object.keys(commands);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < 5; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const [program, ...words] = commands[name];
      const start = performance.now();
      const { status, stderr } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      times[name].push((performance.now() - start) / 1000);
    }
  }
  const median = (list) => list.sort((one, two) => one - two)[Math.floor(list.length / 2)];
  const base = median(times['nfdump | mawk']);
  for (const name of names) {
    const seconds = median(times[name]);
    const rate = (total / seconds / 1e6).toFixed(2).padStart(6);
    process.stdout.write(
      `${kind.padEnd(5)} ${name.padEnd(24)} ${seconds.toFixed(3)} s ${rate} M flows/s  ${(base / seconds).toFixed(2)} x nfdump | mawk\n`,
    );
  }
}
