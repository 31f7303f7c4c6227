// StatsD without loss: datagrams at a steady rate over loopback, single metrics and 41 to a datagram; what was sent, what was read, what the
// kernel dropped, and the daemon's CPU seconds. Beside it statsd/statsd where test/peers is installed. `node bench/statsd.mjs [SECONDS]`.
import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
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
  const daemon = await startDaemon({ words: ['--only', 'http,statsd'] });
  const cpuBefore = cpuSeconds(daemon.child.pid);
  const job = { port: daemon.ports.statsd, perDatagram, datagramsPerSecond: Math.round(metricsPerSecond / perDatagram), seconds };
  const sender = fork(fileURLToPath(import.meta.url), { env: { ...process.env, WEIR_BENCH_SENDER: JSON.stringify(job) } });
  const { sent, elapsedMs } = await new Promise((resolve) => sender.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const status = await daemon.status();
  const account = status.listeners.find((one) => one.name === 'statsd');
  const cpu = cpuSeconds(daemon.child.pid) - cpuBefore;
  const lost = sent * perDatagram - account.accepted;
  process.stdout.write(
    `${label} ${perDatagram} a datagram: sent ${Math.round((sent * perDatagram * 1000) / elapsedMs)} metrics/s, read ${account.accepted} of ${sent * perDatagram}, lost ${lost} (${((100 * lost) / (sent * perDatagram)).toFixed(3)} %), kernel drops ${account.kernelDrops}, CPU ${cpu.toFixed(2)} s, ${Math.round(account.accepted / cpu)} metrics a CPU second, ${Math.round(status.memoryBytes / 1048576)} MiB\n`,
  );
  await daemon.stop();
  daemon.clean();
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
