// `npm run bench -- packets`: flow records into packets, end to end with reading, from CSV and the same flows from nfcapd (LZ4), side by side with `cat` of the
// result and with Scapy.
// Fresh processes, order alternated, medians of 3. Sizes: WEIR_BENCH_PACKETS (default 50 million), in WEIR_BENCH_FOLDER (default /dev/shm).
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../bin/weir', import.meta.url));
const folder = process.env.WEIR_BENCH_FOLDER ?? '/dev/shm';
const packetsWanted = Number(process.env.WEIR_BENCH_PACKETS ?? 50e6);
const [flowsCsv, flowsNfcapd, output, copy] = ['csv', 'nfcapd', 'pcap', 'copy'].map((ending) => join(folder, `weir-bench.${ending}`));

/** Writes flows of `perFlow` packets such that `open` are open at once. */
function generate(flows, perFlow, open) {
  const descriptor = openSync(flowsCsv, 'w');
  let state = 1;
  const random = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
  const lengthMs = 20_000;
  let lines = [];
  for (let number = 0; number < flows; number++) {
    const first = 1_700_000_000_000 + Math.floor((number * lengthMs) / open);
    const time = (ms) => `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`;
    const isTcp = number % 4 !== 0;
    lines.push(
      `${time(first)},${time(first + lengthMs)},10.${random(256)}.${random(256)}.${random(256)},192.0.2.${random(256)},${1024 + random(60000)},443,${isTcp ? 6 : 17},0,${isTcp ? 24 : 0},${perFlow},${perFlow * (60 + random(900))},1,2,64512,64513\n`,
    );
    if (lines.length === 20_000) {
      writeSync(descriptor, lines.join(''));
      lines = [];
    }
  }
  writeSync(descriptor, lines.join(''));
  closeSync(descriptor);
}

function timed(command, words) {
  const result = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', command, ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  const [wall, user, system, memoryKb] = result.stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, memoryMb: memoryKb / 1024 };
}

const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];
const rounds = Number(process.env.WEIR_BENCH_ROUNDS ?? 3);

console.log(
  'open flows | flows | from | packets/s to file | of the time of cat | packets/s to /dev/null | packets a CPU second to /dev/null | memory MB',
);
for (const open of (process.env.WEIR_BENCH_OPEN ?? '1000,10000,100000,1000000').split(',').map(Number)) {
  const perFlow = open >= 1e6 ? 20 : 100;
  const flows = Math.max(open * 2, Math.round(packetsWanted / perFlow));
  generate(flows, perFlow, open);
  spawnSync(process.execPath, [bin, 'flows', flowsCsv, '-o', flowsNfcapd]);
  for (const input of [flowsNfcapd, flowsCsv])
    console.log([open, flows, input.split('.').at(-1), ...measure(input, flows * perFlow)].join(' | '));
}
for (const path of [flowsCsv, flowsNfcapd]) rmSync(path, { force: true });

function measure(input, count) {
  const [weir, cat, sunk] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    weir.push(timed(process.execPath, [bin, 'packets', input, '--snaplen', 'headers', '-o', output]));
    cat.push(timed('sh', ['-c', `cat "${output}" > "${copy}"`]));
    rmSync(copy, { force: true });
    rmSync(output, { force: true });
    sunk.push(timed(process.execPath, [bin, 'packets', input, '--snaplen', 'headers', '-o', '/dev/null']));
  }
  const wall = median(weir.map((run) => run.wall));
  const cpu = median(sunk.map((run) => run.cpu));
  return [
    `${(count / wall / 1e6).toFixed(1)} M`,
    `${(wall / median(cat.map((run) => run.wall))).toFixed(2)}x`,
    `${(count / median(sunk.map((run) => run.wall)) / 1e6).toFixed(1)} M`,
    `${(count / cpu / 1e6).toFixed(1)} M`,
    Math.round(median(weir.map((run) => run.memoryMb))),
  ];
}

const scapy = `
import csv, sys, time
from scapy.all import Ether, IP, UDP, Raw, wrpcap
packets = []
for row in csv.reader(open(sys.argv[1])):
    first, last, n, size = float(row[0]), float(row[1]), int(row[9]), int(row[10])
    for i in range(n):
        p = Ether()/IP(src=row[2], dst=row[3])/UDP(sport=int(row[4]), dport=int(row[5]))/Raw(bytes(max(0, size // n - 28)))
        p.time = first + (last - first) * i / n
        packets.append(p)
packets.sort(key=lambda p: p.time)
wrpcap(sys.argv[2], packets)
`;
const python = ['python3', '/usr/bin/python3'].find((path) => spawnSync(path, ['-c', 'import scapy']).status === 0);
if (python !== undefined) {
  const script = join(folder, 'weir-bench-scapy.py');
  writeFileSync(script, scapy);
  generate(100, 100, 100);
  const peer = timed(python, [script, flowsCsv, output]);
  const mine = timed(process.execPath, [bin, 'packets', flowsCsv, '-o', output]);
  console.log(
    `100 flows of 100 packets: Scapy ${peer.wall} s, ${Math.round(peer.memoryMb)} MB; weir ${mine.wall} s, ${Math.round(mine.memoryMb)} MB (${statSync(output).size} bytes)`,
  );
  for (const path of [script, flowsCsv, output]) rmSync(path, { force: true });
}
console.log(execFileSync('sh', ['-c', 'nproc; node --version'], { encoding: 'utf8' }).trim().replace('\n', ' cores, node '));
