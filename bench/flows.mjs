// Flow commands, side by side with nfdump as whole commands on the same files: the packet profile, top lists, filters, CSV. An hour of five-minute
// files is made (seeded), compressed by nfdump itself. `node bench/flows.mjs [FLOWS] [ROUNDS]`, medians, order alternated, output to nowhere.
// Beside the clock stand CPU seconds (user and system): where cores are shared with others, these say more.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { writeNfcapd } from '../test/nfcapd-files.mjs';

const program = fileURLToPath(new URL('../bin/weir', import.meta.url));
const flows = Number(process.argv[2] ?? 6_000_000);
const rounds = Number(process.argv[3] ?? 5);
const fileCount = 12;
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-flows-'));
if (!hasProgram('nfdump')) throw new Error('nfdump is missing');

const names = Array.from({ length: fileCount }, (_, index) => {
  const startMs = Date.UTC(2026, 10, 23, 17) + index * 300_000;
  return { startMs, name: `nfcapd.${new Date(startMs).toISOString().slice(0, 16).replaceAll(/\D/g, '')}`, seed: index + 1 };
});
for (const kind of ['none', 'lz4']) mkdirSync(join(folder, kind));
for (const { startMs, name, seed } of names) {
  const plain = join(folder, 'none', name);
  writeNfcapd(plain, { flows: Math.ceil(flows / fileCount), startMs, seed });
  spawnSync('nfdump', ['-r', plain, '-y', '-w', join(folder, 'lz4', name)]);
}
const all = fileCount * Math.ceil(flows / fileCount);
const bytesOf = (kind) => readdirSync(join(folder, kind)).reduce((sum, name) => sum + statSync(join(folder, kind, name)).size, 0);
const megabytes = (kind) => Math.round(bytesOf(kind) / 1e6);
process.stdout.write(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}: ${all} flows in ${fileCount} files, ` +
    `${megabytes('none')} MB plain, ${megabytes('lz4')} MB LZ4; medians of ${rounds}\n`,
);

const weir = (command, cores, ...words) => [process.execPath, program, command, '--cores', String(cores), ...words];
const nfdump = (...words) => ['nfdump', '-q', ...words];
const counted = `{n[$1]++} END {for (p in n) print p, n[p]}`;
const every = cpus().length;
const lists = { 'srcip/bytes': 'srcip', 'dstport/flows': 'dstport', 'record/packets': 'record' };
const filters = ['any', 'proto tcp and port 443', 'src net 10.0.0.0/9 and not flags R', 'bytes > 100k or duration > 60000'];

for (const kind of ['none', 'lz4']) {
  const place = join(folder, kind);
  for (const filter of ['any', 'proto tcp and port 443']) {
    compare(`${kind}: profile, ${filter}`, all, {
      'nfdump | mawk': ['sh', '-c', `nfdump -R ${place} -q -N -o fmt:%pkt '${filter}' | mawk '${counted}'`],
      'weir, 1 core': weir('profile', 1, place, '--json', '--filter', filter),
      'weir, all cores': weir('profile', every, place, '--json', '--filter', filter),
    });
  }
  for (const list of Object.keys(lists)) {
    compare(`${kind}: top ${list}`, all, {
      nfdump: nfdump('-R', place, '-s', list, '-n', '10'),
      'weir, 1 core': weir('flows', 1, place, '--top', list),
      'weir, all cores': weir('flows', every, place, '--top', list),
    });
  }
  for (const filter of filters) {
    compare(`${kind}: filter ${filter}`, all, {
      nfdump: nfdump('-R', place, '-o', 'null', filter),
      'weir, 1 core': weir('flows', 1, place, '--count', '--filter', filter),
      'weir, all cores': weir('flows', every, place, '--count', '--filter', filter),
    });
  }
}
const one = join(folder, 'none', names[0].name);
compare('none: CSV', all / fileCount, { nfdump: nfdump('-r', one, '-o', 'csv'), 'weir, 1 core': weir('flows', 1, one, '--format', 'csv') });
rmSync(folder, { recursive: true });

// Each command in a fresh process; the first of them is what the others are compared with.
function compare(title, count, commands) {
  const known = Object.keys(commands);
  const runs = Object.fromEntries(known.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? known : [...known].reverse()) runs[name].push(timed(name, commands[name]));
  const median = (list) => list.sort((left, right) => left - right)[Math.floor(list.length / 2)];
  const of = (name, index) => median(runs[name].map((times) => times[index]));
  process.stdout.write(`${title}\n`);
  for (const name of known) {
    const [seconds, cpu] = [of(name, 0), of(name, 1)];
    const ratio = `${(of(known[0], 0) / seconds).toFixed(2)}x by the clock, ${(of(known[0], 1) / cpu).toFixed(2)}x by CPU`;
    const rate = `${(count / seconds / 1e6).toFixed(2)} M flows/s, ${(count / cpu / 1e6).toFixed(2)} M a CPU second`;
    process.stdout.write(
      `  ${name.padEnd(16)} ${seconds.toFixed(3)} s, ${cpu.toFixed(2)} CPU s, ${rate}${name === known[0] ? '' : `, ${ratio}`}\n`,
    );
  }
}

// Seconds of the clock, and of user and system together.
function timed(name, command) {
  const words = ['-c', 'TIMEFORMAT="%R %U %S"; time "$@" > /dev/null 2> /dev/null', 'time', ...command];
  const { status, stderr } = spawnSync('bash', words, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${name} failed: ${command.join(' ')}`);
  const [real, user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return [real, user + system];
}
