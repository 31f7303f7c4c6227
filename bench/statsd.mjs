// StatsD without loss: datagrams at a steady rate over loopback, single metrics and 41 to a datagram; what was sent, what was read, what the
// kernel dropped, and the daemon's CPU seconds. Beside it statsd/statsd where test/peers is installed. `node bench/statsd.mjs [SECONDS]`.
import { fork, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../test/serve/daemon.mjs';

const seconds = Number(process.argv[2] ?? 5);
const runs = [
  { label: 'single', perDatagram: 1, metricsPerSecond: 50_000 },
  { label: 'single', perDatagram: 1, metricsPerSecond: 100_000 },
  { label: 'shared', perDatagram: 41, metricsPerSecond: 400_000 },
];

if (process.env.WEIR_BENCH_SENDER !== undefined) {
  await sendPaced(JSON.parse(process.env.WEIR_BENCH_SENDER));
} else {
  process.stdout.write(
    `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}, ${seconds} s a run\n`,
  );
  for (const run of runs) await measure(run);
}

async function measure({ label, perDatagram, metricsPerSecond }) {
  for (const server of [weir, statsd]) {
    const running = await server();
    if (running === undefined) continue;
    const cpuBefore = cpuSeconds(running.pid);
    const job = { port: running.port, perDatagram, datagramsPerSecond: Math.round(metricsPerSecond / perDatagram), seconds };
    const sender = fork(fileURLToPath(import.meta.url), { env: { ...process.env, WEIR_BENCH_SENDER: JSON.stringify(job) } });
    const { sent, elapsedMs } = await new Promise((resolve) => sender.once('message', resolve));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const read = await running.read();
    const cpu = cpuSeconds(running.pid) - cpuBefore;
    const all = sent * perDatagram;
    process.stdout.write(
      `${running.name.padEnd(7)}${label} ${String(perDatagram).padStart(2)} a datagram: sent ${Math.round((all * 1000) / elapsedMs)} metrics/s, counted ${read} of ${all}, lost ${((100 * (all - read)) / all).toFixed(3)} %, CPU ${cpu.toFixed(2)} s, ${Math.round(read / cpu)} metrics a CPU second\n`,
    );
    await running.stop();
  }
}

async function weir() {
  const daemon = await startDaemon({
    words: ['--only', 'http,statsd'],
    nodeFlags: process.env.WEIR_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.WEIR_PROFILE}`],
  });
  return {
    name: 'weir',
    pid: daemon.child.pid,
    port: daemon.ports.statsd,
    read: async () => (await daemon.status()).listeners.find((one) => one.name === 'statsd').accepted,
    stop: async () => {
      await daemon.stop();
      daemon.clean();
    },
  };
}

// etsy's server with the receive buffer that Node gives it, and a flush that never comes in between: its admin interface tells what it counted.
async function statsd() {
  const program = fileURLToPath(new URL('../test/peers/node_modules/statsd/stats.js', import.meta.url));
  if (!existsSync(program)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const [port, admin] = [await freePort(), await freePort()];
  const settings = { port, mgmt_port: admin, address: '127.0.0.1', mgmt_address: '127.0.0.1', flushInterval: 3_600_000, backends: [] };
  writeFileSync(join(folder, 'config.js'), JSON.stringify(settings));
  const child = spawn(process.execPath, [program, join(folder, 'config.js')], { stdio: 'ignore' });
  const ask = () =>
    new Promise((resolve) => {
      const socket = connect(admin, '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes;
        if (text.includes('END')) socket.destroy();
      });
      socket.on('error', () => resolve(undefined));
      socket.on('connect', () => socket.write('counters\n'));
      socket.on('close', () => resolve(text));
    });
  while ((await ask()) === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    name: 'statsd',
    pid: child.pid,
    port,
    read: async () => [...(await ask()).matchAll(/'?app\.[^:]*: (\d+)/g)].reduce((sum, found) => sum + Number(found[1]), 0),
    stop: async () => {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

// Bursts of a millisecond; what is behind schedule is sent at once.
async function sendPaced({ port, perDatagram, datagramsPerSecond, seconds: duration }) {
  const socket = createSocket({ type: 'udp4', sendBufferSize: 4 << 20 });
  await new Promise((resolve) => socket.connect(port, '127.0.0.1', resolve));
  const datagrams = Array.from({ length: 1000 }, (_, index) =>
    Buffer.from(Array.from({ length: perDatagram }, (_, line) => `app.web${(index * 7 + line) % 100}.requests:1|c`).join('\n')),
  );
  const total = datagramsPerSecond * duration;
  const begin = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - begin) * datagramsPerSecond) / 1000));
    const waits = [];
    for (; sent < due; sent++) waits.push(new Promise((resolve) => socket.send(datagrams[sent % 1000], resolve)));
    await Promise.all(waits);
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.send({ sent, elapsedMs: performance.now() - begin });
  socket.close();
  process.disconnect();
}
