// Reading: /render of 1 and 100 series x 2,160 points and of 1,000 series by sumSeries, and find over a million names; beside it Whisper in process
// (python3-whisper) and VictoriaMetrics' query_range over the same points, where they are installed. Medians, order alternated. `node bench/render.mjs [SECONDS]`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NameTree } from '../dist/query/name-tree.js';
import { startDaemon } from '../test/serve/daemon.mjs';

const secondsEach = Number(process.argv[2] ?? 2);
const seriesCount = 1000;
const points = 2160;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const asked = ['of 1 series', 'of 100 series', 'sum of 1,000 series'];
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-render-'));
const now = Math.floor(Date.now() / 10_000) * 10;
const say = (text) => process.stdout.write(`${text}\n`);
const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];

const tree = `
import whisper, sys, os, random
random.seed(7)
root, now = sys.argv[1], int(sys.argv[2])
for s in range(${seriesCount}):
    folder = os.path.join(root, 'bench', 'g%02d' % (s // 100))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 's%03d.wsp' % s)
    whisper.create(path, [(10, ${points})], 0.5, 'sum')
    v = 1000
    out = []
    for i in range(${points}):
        v += random.randint(-5, 6)
        out.append((now - 10 * i, v))
    whisper.update_many(path, out, now=now)
`;
const reader = `
import whisper, sys, time, json, glob
root, now, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for label, pattern in (('1 series', 'bench/g00/s000.wsp'), ('100 series', 'bench/g00/*.wsp')):
    files = sorted(glob.glob(root + '/' + pattern))
    times = []
    end = time.time() + seconds
    while time.time() < end or len(times) < 3:
        t = time.perf_counter()
        out = []
        for f in files:
            (a, b, c), values = whisper.fetch(f, now - 21590, now, now=now)
            out.append(values)
        times.append(time.perf_counter() - t)
    times.sort()
    print(label, times[len(times) // 2] * 1000)
`;

say(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`);
findMillion();
const made = spawnSync('/usr/bin/python3', ['-c', tree, folder, String(now)], { encoding: 'utf8' });
if (made.status !== 0) say(`Whisper: not measured (${made.stderr.trim().split('\n').at(-1)})`);
else {
  const bin = fileURLToPath(new URL('../bin/weir', import.meta.url));
  const loaded = spawnSync(process.execPath, [bin, 'load', folder, '--data', join(folder, 'data')], { encoding: 'utf8' });
  say(loaded.stderr.trim());
  const daemon = await startDaemon({ words: ['--only', 'http'], folder });
  const peer = await victoria(daemon);
  if (peer === undefined) say('VictoriaMetrics: not installed');
  const weirAsks = weirRequests(daemon);
  const runs = [['weir', daemon.child.pid, weirAsks], ...(peer === undefined ? [] : [['VictoriaMetrics', peer.child.pid, peer.asks]])];
  // Turn by turn, so that what else the machine does meets both.
  for (const what of Object.keys(weirAsks)) {
    const figures = runs.map(([name, pid, asks]) => ({ name, pid, ask: asks[what], times: [], cpuMs: 0, size: 0 }));
    for (const one of figures) for (let warm = 0; warm < 3; warm++) await one.ask();
    const end = performance.now() + secondsEach * 1000 * runs.length;
    for (let round = 0; performance.now() < end || round < 5; round++) {
      for (const one of round % 2 === 0 ? figures : figures.toReversed()) await measure(one);
    }
    for (const { name, times, cpuMs, size } of figures) {
      const [count, middle, least] = [times.length, median(times), Math.min(...times)];
      say(
        `${`${name} ${what}`.padEnd(38)} median ${middle.toFixed(1)} ms, least ${least.toFixed(1)} ms, ${(cpuMs / count).toFixed(1)} CPU ms, ${size} bytes, ${count} requests`,
      );
    }
  }
  if (peer !== undefined) await peer.stop();
  const whisper = spawnSync('/usr/bin/python3', ['-c', reader, folder, String(now), String(secondsEach)], { encoding: 'utf8' });
  for (const line of whisper.stdout.trim().split('\n')) say(`whisper in process  ${line} ms`);
  await daemon.stop();
}
rmSync(folder, { recursive: true, force: true });

async function measure(one) {
  const before = cpuMsOf(one.pid);
  const started = performance.now();
  one.size = await one.ask();
  one.times.push(performance.now() - started);
  one.cpuMs += cpuMsOf(one.pid) - before;
}

// User and system time of a process, all its threads; in steps of 10 ms, which many requests even out.
function cpuMsOf(pid) {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

// The size of an answer, which is read and let go.
function sizeOf(url) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
      });
      response.on('end', () => resolve(size));
    }).on('error', reject);
  });
}

function weirRequests({ url }) {
  const targets = ['bench.g00.s000', 'bench.g00.*', 'sumSeries(bench.*.*)'];
  const range = { from: String(now - 21_600), until: String(now), format: 'json', noCache: '1' };
  return Object.fromEntries(
    targets.map((target, index) => [asked[index], () => sizeOf(`${url}/render?${new URLSearchParams({ target, ...range })}`)]),
  );
}

async function victoria({ url }) {
  const port = 18_000 + (process.pid % 1000);
  const child = spawn(
    'victoria-metrics',
    [`-storageDataPath=${join(folder, 'vm')}`, `-httpListenAddr=127.0.0.1:${port}`, '-retentionPeriod=12', '-search.latencyOffset=0s'],
    { stdio: 'ignore' },
  );
  const failed = new Promise((resolve) => child.once('error', () => resolve(true)));
  const base = `http://127.0.0.1:${port}`;
  const up = async () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (
        await fetch(`${base}/health`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return false;
  };
  if ((await Promise.race([failed.then(() => false), up()])) !== true) return undefined;
  for (let group = 0; group < 10; group++) {
    const target = `bench.g${String(group).padStart(2, '0')}.*`;
    const answer = await (
      await fetch(`${url}/render?${new URLSearchParams({ target, from: String(now - 21_600), until: String(now) })}`)
    ).json();
    const lines = answer.map(({ target: name, datapoints }) => {
      const known = datapoints.filter(([value]) => value !== null);
      const metric = { __name__: 'bench', group: `g${group}`, series: name };
      return JSON.stringify({ metric, values: known.map(([value]) => value), timestamps: known.map(([, time]) => time * 1000) });
    });
    await fetch(`${base}/api/v1/import`, { method: 'POST', body: lines.join('\n') });
  }
  await fetch(`${base}/internal/force_flush`);
  const queries = ['bench{series="bench.g00.s000"}', 'bench{group="g0"}', 'sum(bench)'];
  const range = { start: String(now - 21_590), end: String(now), step: '10s', nocache: '1' };
  const asks = Object.fromEntries(
    queries.map((query, index) => [asked[index], () => sizeOf(`${base}/api/v1/query_range?${new URLSearchParams({ query, ...range })}`)]),
  );
  const stop = async () => {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  };
  return { child, asks, stop };
}

function findMillion() {
  const names = new NameTree();
  for (let host = 0; host < 10_000; host++)
    for (let metric = 0; metric < 100; metric++)
      names.add(`dc${host % 10}.host${(host / 10) | 0}.metric${(metric / 10) | 0}.value${metric % 10}`);
  for (const query of [
    '*',
    'dc1.*',
    'dc*.host99*',
    'dc*.host777.metric3.value*',
    'dc1.{host1,host2,host3*}.metric[0-5].*',
    '*.*.metric3.value3',
  ]) {
    const times = [];
    let found = 0;
    for (let run = 0; run < 9; run++) {
      const started = performance.now();
      found = names.find(query, 50_000).length;
      times.push(performance.now() - started);
    }
    say(`find over ${names.count} names ${query}: ${found} in ${median(times).toFixed(2)} ms`);
  }
}
