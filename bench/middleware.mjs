// What the middleware costs an express server: latency at 150 and 2,500 requests a second and the most that the server takes, with and
// without it, on loopback, against a running daemon. Arrivals are on a clock of their own (open loop), so that a stall is seen; each run
// in a fresh process. `node bench/middleware.mjs [SECONDS]`; `node bench/middleware.mjs hour` sends the requests of an hour at 150 a second as fast
// as they are taken, and tells what memory they took. Wants `npm ci` in test/peers.
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, serve, topOf } from '../test/hits-daemon.mjs';

const hour = process.argv[2] === 'hour';
const seconds = hour ? 0 : Number(process.argv[2] ?? 5);

if (process.env.WEIR_BENCH_SERVER !== undefined) await server(process.env.WEIR_BENCH_SERVER);
else if (hour) await measureHour();
else await measureAll();

async function server(url) {
  const express = createRequire(join(root, 'test/peers/package.json'))('express');
  const app = express();
  const { hits } = await import('../dist/serve/middleware.js');
  const note = url === '' ? undefined : hits({ url });
  if (note !== undefined) app.use(note);
  app.get('/item/:id', (request, response) => response.json({ id: request.params.id }));
  const listening = app.listen(0, '127.0.0.1', () => process.send({ port: listening.address().port }));
  process.on('message', async () => {
    await note?.close();
    process.send({ counters: note?.counters ?? {}, memoryMB: Math.round(process.memoryUsage().rss / 1e6) });
  });
}

async function measureAll() {
  process.stdout.write(
    `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}, ${seconds} s a run\n`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const after = [];
  const daemon = await serve({ after: (end) => after.push(end) }, folder);
  let sent = 0;
  for (const rate of [150, 2500, Number.POSITIVE_INFINITY]) {
    for (const url of ['', daemon.url]) {
      const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, WEIR_BENCH_SERVER: url } });
      const { port } = await new Promise((resolve) => child.once('message', resolve));
      await load(port, Math.min(rate, 500), 1);
      const { count, latencies } = await load(port, rate, seconds);
      const told = new Promise((resolve) => child.once('message', resolve));
      child.send('end');
      const { counters, memoryMB } = await told;
      child.kill();
      if (url !== '') sent += counters.noted;
      const at = (share) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
      const what = rate === Number.POSITIVE_INFINITY ? 'the most' : `${rate}/s`;
      process.stdout.write(
        `${what.padEnd(9)} ${(url === '' ? 'without' : 'with').padEnd(8)} ${Math.round(count / seconds)} requests/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${memoryMB} MB${url === '' ? '' : `, noted ${counters.noted}, delivered ${counters.delivered}, dropped ${counters.dropped}`}\n`,
      );
    }
  }
  const [row] = await topOf(daemon, 'by=url&n=1');
  process.stdout.write(`counted by weir: ${row.requests} of ${sent} noted\n`);
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
  for (const end of after) end();
}

async function measureHour() {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const after = [];
  const daemon = await serve({ after: (end) => after.push(end) }, folder);
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, WEIR_BENCH_SERVER: daemon.url } });
  const { port } = await new Promise((resolve) => child.once('message', resolve));
  const told = new Promise((resolve) => child.once('message', resolve));
  let sent = 0;
  while (sent < 540_000) sent += (await load(port, Number.POSITIVE_INFINITY, 5)).count;
  child.send('end');
  const { counters, memoryMB } = await told;
  child.kill();
  const [row] = await topOf(daemon, 'by=url&n=1');
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'));
  process.stdout.write(
    `an hour at 150/s: ${sent} requests, noted ${counters.noted}, dropped ${counters.dropped}, counted ${row.requests}; the server ${memoryMB} MB, weir serve at most ${Math.round(Number(peak?.[1] ?? 0) / 1000)} MB\n`,
  );
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
  for (const end of after) end();
}

// Open loop at a rate; closed loop with 50 connections when there is none.
async function load(port, rate, forSeconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: rate === Number.POSITIVE_INFINITY ? 50 : 500 });
  const latencies = [];
  const one = (path) =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      get({ port, path, agent }, (response) =>
        response.resume().on('end', () => {
          latencies.push(performance.now() - start);
          resolve();
        }),
      ).on('error', reject);
    });
  const start = performance.now();
  const end = start + forSeconds * 1000;
  if (rate === Number.POSITIVE_INFINITY) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        while (performance.now() < end) await one(`/item/${index}`);
      }),
    );
  } else {
    const waiting = [];
    let count = 0;
    while (performance.now() < end) {
      for (const due = ((performance.now() - start) / 1000) * rate; count < due; count++) waiting.push(one(`/item/${count % 100}`));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(waiting);
  }
  agent.destroy();
  return { count: latencies.length, latencies: latencies.sort((a, b) => a - b) };
}
