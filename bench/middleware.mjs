// What the middleware costs an express server: latency at 150 and 2,500 requests a second and the most that the server takes, with and
// without it, on loopback, against a running daemon. Arrivals are on a clock of their own (open loop), so that a stall is seen; each run
// in a fresh process, order alternated, medians of three;
// and the server's CPU time a request, which other work on the machine does not move as much. `node bench/middleware.mjs [SECONDS]`; `node bench/middleware.mjs hour` sends the requests of an hour at 150 a second as fast
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
const seconds = hour ? 0 : Number(process.argv[2] ?? 4);
const rounds = 3;

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
  const before = process.cpuUsage();
  process.on('message', async () => {
    const { user, system } = process.cpuUsage(before);
    await note?.close();
    process.send({ counters: note?.counters ?? {}, cpuMicros: user + system, memoryMB: Math.round(process.memoryUsage().rss / 1e6) });
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
    const runs = { without: [], with: [] };
    for (let round = 0; round < rounds; round++) {
      for (const name of round % 2 === 0 ? ['without', 'with'] : ['with', 'without']) {
        const run = await measureOne(rate, name === 'with' ? daemon.url : '');
        runs[name].push(run);
        sent += run.counters.noted ?? 0;
        if ((run.counters.dropped ?? 0) > 0) throw new Error(`${run.counters.dropped} notes dropped`);
      }
    }
    for (const [name, list] of Object.entries(runs)) {
      const of = (figure) => list.map((run) => run[figure]).sort((one, two) => one - two)[Math.floor(list.length / 2)];
      const what = rate === Number.POSITIVE_INFINITY ? 'the most' : `${rate}/s`;
      process.stdout.write(
        `${what.padEnd(9)} ${name.padEnd(8)} ${Math.round(of('rate'))} requests/s, p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms, ${Math.round(of('cpuMicros'))} us of CPU a request, ${of('memoryMB')} MB\n`,
      );
    }
  }
  const [row] = await topOf(daemon, 'by=url&n=1');
  process.stdout.write(`counted by weir: ${row.requests} of ${sent} noted\n`);
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
  for (const end of after) end();
}

// One run in a fresh server, warmed for a second.
async function measureOne(rate, url) {
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, WEIR_BENCH_SERVER: url } });
  const { port } = await new Promise((resolve) => child.once('message', resolve));
  const warm = await load(port, Math.min(rate, 500), 1);
  const { count, latencies } = await load(port, rate, seconds);
  const told = new Promise((resolve) => child.once('message', resolve));
  child.send('end');
  const { counters, memoryMB, cpuMicros } = await told;
  child.kill();
  const at = (share) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { counters, memoryMB, cpuMicros: cpuMicros / (count + warm.count), rate: count / seconds, p50: at(0.5), p99: at(0.99) };
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
