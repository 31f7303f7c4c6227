// What reading costs: six hours in 10 s steps and a year in 10 min steps, of 1 and of 100 series. In process: Weir's store beside whisper (python3-whisper)
// on files of the same ladder. Over HTTP: /render beside VictoriaMetrics' query_range, six hours of 100 series. Medians. `node bench/store-read.mjs`.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultConfiguration } from '../dist/serve/configuration.js';
import { openMetrics } from '../dist/serve/open-metrics.js';
import { startDaemon } from '../test/serve/daemon.mjs';

const seriesCount = 100;
const now = Math.floor(Date.now() / 600_000) * 600;
const ranges = [
  { label: '6 h', from: now - 21_600 },
  { label: '1 year', from: now - 365 * 86_400 },
];
const nameOf = (index) => `read.app${index}.value`;
const sampleOf = (series, slot) => Math.round(5000 + 4000 * Math.sin(slot / 977 + series) + ((slot * 7919 + series) % 200)) / 100;

process.stdout.write(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}\n`);
const folder = mkdtempSync(join(tmpdir(), 'weir-read-'));
await fill();
await inProcess();
whisper();
await overHttp();
rmSync(folder, { recursive: true, force: true });

async function open() {
  return await openMetrics({ folder: join(folder, 'data'), configuration: () => defaultConfiguration, now: () => now * 1000 });
}

// A year in steps of ten minutes, then the last six hours in steps of ten seconds.
async function fill() {
  const metrics = await open();
  const table = { nameOf };
  const put = async (first, last, step) => {
    for (let start = first; start < last; start += step * 200) {
      const slots = Math.min(200, (last - start) / step);
      const count = slots * seriesCount;
      const column = (value) =>
        Float64Array.from({ length: count }, (_, at) => value(at % seriesCount, start + step * Math.floor(at / seriesCount)));
      const values = column((series, slot) => sampleOf(series, slot / step));
      const slot = column((_, at) => at);
      const ones = new Float64Array(count).fill(1);
      const measures = {
        count,
        series: Int32Array.from({ length: count }, (_, at) => at % seriesCount),
        slot,
        counts: ones,
        sums: values,
        mins: values,
        maxs: values,
        lasts: values,
        lastAts: slot,
      };
      await metrics.store.commit({ nowSeconds: now, cells: { table, measures } });
    }
  };
  await put(now - 366 * 86_400, now - 21_600, 600);
  await put(now - 21_600, now, 10);
  metrics.store.settle(now);
  await metrics.close();
}

async function inProcess() {
  const metrics = await open();
  for (const { label, from } of ranges) {
    for (const count of [1, seriesCount]) {
      const found = [];
      const read = async (round) => {
        for (let index = 0; index < count; index++)
          found[index] = await metrics.read(nameOf((index + round) % seriesCount), from, now, now);
      };
      const rounds = count === 1 ? 401 : 31;
      await median(read, rounds);
      const cpuBefore = process.cpuUsage();
      const ms = await median(read, rounds);
      const { user, system } = process.cpuUsage(cpuBefore);
      const slots = found.reduce((sum, { counts }) => counts.reduce((filled, one) => filled + (one > 0 ? 1 : 0), sum), 0);
      report('weir', `${label} of ${count} series`, slots, ms, 'slots', (user + system) / 1000 / rounds);
    }
  }
  await metrics.close();
}

function whisper() {
  const program = `
import math, shutil, sys, time, whisper
folder, now, series = sys.argv[1], int(sys.argv[2]), 100
value = lambda s, slot: round(5000 + 4000 * math.sin(slot / 977 + s) + ((slot * 7919 + s) % 200)) / 100
path = '%s/0.wsp' % folder
whisper.create(path, [(10, 2160), (60, 8640), (600, 259200)])
whisper.update_many(path, [(t, value(0, t // 600)) for t in range(now - 366 * 86400, now - 21600, 600)], now)
whisper.update_many(path, [(t, value(0, t // 10)) for t in range(now - 21590, now, 10)], now)
for s in range(1, series):
    shutil.copyfile(path, '%s/%d.wsp' % (folder, s))
for label, start in (('6 h', now - 21600 + 10), ('1 year', now - 365 * 86400)):
    for count in (1, series):
        times = []
        rounds = 51 if count == 1 else 5
        cpu = time.process_time()
        for turn in range(rounds):
            begin = time.perf_counter()
            found = [whisper.fetch('%s/%d.wsp' % (folder, (s + turn) % series), start, now, now)[1] for s in range(count)]
            times.append(time.perf_counter() - begin)
        slots = sum(1 for values in found for v in values if v is not None)
        cpu = (time.process_time() - cpu) / rounds
        print('%s of %d series|%d|%f|%f' % (label, count, slots, sorted(times)[rounds // 2] * 1000, cpu * 1000))
`;
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-c', program, folder, String(now)], { encoding: 'utf8' });
  if (status !== 0) return process.stdout.write(`whisper: not run: ${stderr.trim().split('\n').at(-1)}\n`);
  for (const line of stdout.trim().split('\n')) {
    const [what, slots, ms, cpu] = line.split('|');
    report('whisper', what, Number(slots), Number(ms), 'slots', Number(cpu));
  }
}

async function overHttp() {
  const daemon = await startDaemon({ folder, words: ['--only', 'http', '--now', String(now)] });
  const size = async (url) => (await (await fetch(url)).arrayBuffer()).byteLength;
  const render = `${daemon.url}/render?target=read.*.value&from=${now - 21_600}&until=${now}&now=${now}&format=json`;
  report('weir', '/render, 6 h of 100 series', await size(render), await median(() => size(render)), 'bytes');
  await daemon.stop();
  if (spawnSync('sh', ['-c', 'command -v victoria-metrics']).status !== 0) return;
  const [http, graphite] = [await freePort(), await freePort()];
  const flags = [
    `-storageDataPath=${join(folder, 'vm')}`,
    `-httpListenAddr=127.0.0.1:${http}`,
    `-graphiteListenAddr=127.0.0.1:${graphite}`,
  ];
  const child = spawn('victoria-metrics', [...flags, '-search.latencyOffset=0s'], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${http}`;
  while ((await fetch(`${url}/health`).catch(() => undefined)) === undefined) await pause(50);
  const socket = connect(graphite, '127.0.0.1');
  await once(socket, 'connect');
  for (let at = now - 21_600; at < now; at += 10)
    socket.write(Array.from({ length: seriesCount }, (_, series) => `${nameOf(series)} ${sampleOf(series, at / 10)} ${at}\n`).join(''));
  socket.end();
  await once(socket, 'close');
  await pause(3000);
  await fetch(`${url}/internal/force_flush`);
  const query = `${url}/api/v1/query_range?query=${encodeURIComponent('{__name__=~"read.*"}')}&start=${now - 21_600}&end=${now - 10}&step=10s&nocache=1`;
  report('victoria', 'query_range, 6 h of 100 series', await size(query), await median(() => size(query)), 'bytes');
  child.kill();
  await once(child, 'exit');
}

async function median(act, rounds = 9) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await act(round);
    times.push(performance.now() - begin);
  }
  return times.sort((one, two) => one - two)[rounds >> 1];
}

function report(who, what, count, ms, unit = 'slots', cpuMs = undefined) {
  const cpu = cpuMs === undefined ? '' : `, ${cpuMs.toFixed(2)} ms of CPU`;
  process.stdout.write(`${who.padEnd(9)}${what.padEnd(32)}${String(count).padStart(9)} ${unit}  ${ms.toFixed(2)} ms${cpu}\n`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
