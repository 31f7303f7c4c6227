// What the store takes in: Graphite lines over one TCP connection, every point in a slot of its own (a random walk in 10 s steps), until all of it is durable.
// Points a second by the wall and by CPU seconds of the server, bytes a point afterwards. Beside Weir the same lines go to VictoriaMetrics and to carbon-cache.
// `node bench/store.mjs [POINTS] [SERIES...]`; Debian packages victoria-metrics and graphite-carbon.
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../test/serve/daemon.mjs';

const words = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const only = process.argv.slice(2).filter((word) => /^[a-z]+$/.test(word));
const points = words[0] ?? 3_000_000;
const counts = words.length > 1 ? words.slice(1) : [10_000, 100_000];
const bin = fileURLToPath(new URL('../bin/weir', import.meta.url));

if (process.env.WEIR_BENCH_SENDER !== undefined) await send(JSON.parse(process.env.WEIR_BENCH_SENDER));
else {
  process.stdout.write(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}\n`);
  for (const series of counts)
    for (const server of [weir, victoria, carbon]) if (only.length === 0 || only.includes(server.name)) await measure(server, series);
}

async function measure(start, series) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const server = await start(folder);
  if (server === undefined) return;
  const total = server.slow ? Math.min(points, series * 10) : points;
  const sender = fork(fileURLToPath(import.meta.url), {
    env: { ...process.env, WEIR_BENCH_SENDER: JSON.stringify({ port: server.port, series, slots: Math.ceil(total / series) }) },
  });
  await once(sender, 'message');
  const cpuBefore = cpuSeconds(server.pid);
  const begin = performance.now();
  sender.send('go');
  const [{ sent }] = await once(sender, 'message');
  const acceptedMs = performance.now() - begin;
  await server.stored(sent);
  const storedMs = performance.now() - begin;
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  const memory = memoryBytes(server.pid);
  const bytes = await server.bytes();
  const rate = (ms) => `${Math.round(sent / ms)}k`;
  process.stdout.write(
    `${server.name.padEnd(9)}${String(series).padStart(8)} series, ${sent} points: sent at ${rate(acceptedMs)}/s, stored at ${rate(storedMs)}/s, CPU ${cpu.toFixed(2)} s, ${Math.round(sent / cpu / 1000)}k points a CPU second, ${(bytes / sent).toFixed(2)} B a point, ${Math.round(memory / 1e6)} MB\n`,
  );
  rmSync(folder, { recursive: true, force: true });
}

async function weir(folder) {
  const daemon = await startDaemon({
    folder,
    words: ['--only', 'http,graphite'],
    nodeFlags: process.env.WEIR_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.WEIR_PROFILE}`],
  });
  return {
    name: 'weir',
    pid: daemon.child.pid,
    port: daemon.ports.graphite,
    stored: (count) => poll(async () => (await daemon.status()).cellsFlushed >= count),
    bytes: async () => {
      await daemon.stop();
      spawnSync(process.execPath, [bin, 'store', 'compact', '--data', join(folder, 'data')]);
      return statSync(join(folder, 'data/store.mdb')).size;
    },
  };
}

async function victoria(folder) {
  if (!has('victoria-metrics')) return undefined;
  const [http, port] = [await freePort(), await freePort()];
  const data = join(folder, 'vm');
  const flags = [`-storageDataPath=${data}`, `-httpListenAddr=127.0.0.1:${http}`, `-graphiteListenAddr=127.0.0.1:${port}`];
  const child = spawn('victoria-metrics', flags, { stdio: 'ignore' });
  const url = `http://127.0.0.1:${http}`;
  const ask = async (path) => await (await fetch(url + path).catch(() => undefined))?.text();
  await poll(async () => (await ask('/health')) !== undefined);
  const figure = async (pattern) =>
    [...((await ask('/metrics')) ?? '').matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
  return {
    name: 'victoria',
    pid: child.pid,
    port,
    stored: (count) =>
      poll(
        async () =>
          (await figure(/vm_rows_inserted_total\{type="graphite"\} (\d+)/g)) >= count &&
          (await figure(/vm_pending_rows\{type="storage"\} (\d+)/g)) === 0,
      ),
    bytes: async () => {
      await ask('/internal/force_flush');
      await ask('/internal/force_merge');
      await pause(4000);
      const size = folderBytes(data);
      child.kill();
      await once(child, 'exit');
      return size;
    },
  };
}

async function carbon(folder) {
  if (!has('carbon-cache')) return undefined;
  const [line, pickle, query] = [await freePort(), await freePort(), await freePort()];
  mkdirSync(join(folder, 'whisper'));
  const settings = {
    ...Object.fromEntries(['STORAGE_DIR', 'CONF_DIR', 'LOG_DIR', 'PID_DIR'].map((name) => [name, `${folder}/`])),
    LOCAL_DATA_DIR: `${folder}/whisper/`,
    LINE_RECEIVER_INTERFACE: '127.0.0.1',
    LINE_RECEIVER_PORT: line,
    PICKLE_RECEIVER_INTERFACE: '127.0.0.1',
    PICKLE_RECEIVER_PORT: pickle,
    CACHE_QUERY_INTERFACE: '127.0.0.1',
    CACHE_QUERY_PORT: query,
    ENABLE_UDP_LISTENER: 'False',
    MAX_UPDATES_PER_SECOND: 'inf',
    MAX_CREATES_PER_MINUTE: 'inf',
    MAX_CACHE_SIZE: 'inf',
    ENABLE_LOGROTATION: 'False',
    LOG_UPDATES: 'False',
    LOG_CREATES: 'False',
  };
  writeFileSync(
    join(folder, 'carbon.conf'),
    `[cache]\n${Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('')}`,
  );
  writeFileSync(join(folder, 'storage-schemas.conf'), '[all]\npattern = .*\nretentions = 10s:6h,1m:6d\n');
  const child = spawn('carbon-cache', [`--config=${folder}/carbon.conf`, '--nodaemon', 'start'], { stdio: 'ignore' });
  await poll(() => reachable(line));
  return {
    name: 'carbon',
    slow: true,
    pid: child.pid,
    port: line,
    // It says nothing of what it has filed: it is done when it has stood still for a second.
    stored: async () => {
      for (let before = -1, quiet = 0; quiet < 5; ) {
        const now = cpuSeconds(child.pid);
        quiet = now - before < 0.03 ? quiet + 1 : 0;
        before = now;
        await pause(200);
      }
    },
    bytes: async () => {
      child.kill('SIGKILL');
      return folderBytes(join(folder, 'whisper'));
    },
  };
}

// Everything is made before the clock starts.
async function send({ port, series, slots }) {
  const start = Math.floor(Date.now() / 10_000) * 10 - slots * 10;
  const names = Array.from({ length: series }, (_, index) => `bench.host${index % 500}.app${Math.floor(index / 500)}.value`);
  const values = new Int32Array(series).fill(5000);
  let state = 1;
  const chunks = [];
  for (let slot = 0; slot < slots; slot++) {
    let text = '';
    for (let index = 0; index < series; index++) {
      state = (state + 0x6d2b79f5) >>> 0;
      values[index] += (mixed(state) >>> 24) - 127;
      text += `${names[index]} ${values[index] / 100} ${start + slot * 10}\n`;
      if (text.length > 1 << 17) {
        chunks.push(Buffer.from(text, 'latin1'));
        text = '';
      }
    }
    chunks.push(Buffer.from(text, 'latin1'));
  }
  process.send('made');
  await once(process, 'message');
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (const chunk of chunks) if (!socket.write(chunk)) await once(socket, 'drain');
  socket.end();
  await once(socket, 'close');
  process.send({ sent: series * slots });
  process.disconnect();
}

// Mulberry32: every series gets a walk of its own.
function mixed(state) {
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryBytes(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

function folderBytes(folder) {
  return Number(spawnSync('du', ['-sb', folder], { encoding: 'utf8' }).stdout.split('\t')[0]);
}

async function poll(done) {
  while (!(await done())) await pause(20);
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

async function reachable(port) {
  const socket = connect(port, '127.0.0.1');
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
