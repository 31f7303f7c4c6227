// weir probe take: the step of a server that has one is found, a smooth server has none, links delay, wrong words are refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findSteps } from '../dist/query/step-test.js';
import { latencyChart } from '../dist/render/latency-chart.js';
import { startDaemon } from './serve/daemon.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

async function probe(words, environment = {}) {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [join(root, 'bin/weir'), 'probe', ...words], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const texts = await Promise.all(
    [child.stdout, child.stderr].map(async (stream) => (await stream.setEncoding('utf8').toArray()).join('')),
  );
  return { status: child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve))), stdout: texts[0], stderr: texts[1] };
}

// Answers n bytes; from n = 500 on in two turns of a page each, as a pager does.
async function serverFor(t, holdMs) {
  const server = createServer((request, response) => {
    const n = Number(new URL(request.url, 'http://x').searchParams.get('n'));
    setTimeout(() => response.end('x'.repeat(n)), holdMs(n));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/?n={n}`;
}

test('a step is found where it is, and drawn', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-probe-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const url = await serverFor(t, (n) => (n > 500 ? 40 : 2));
  const { stdout, stderr, status } = await probe(['take', url, '--repeat', '5', '--json', '--svg', join(folder, 'c.svg')]);
  assert.equal(status, 0, stderr);
  const [curve] = JSON.parse(stdout).curves;
  assert.equal(curve.sizes.length, 40);
  assert.ok(curve.sizes.every(({ n, bytes }) => n === bytes));
  const [step] = curve.steps;
  assert.equal(step.n, curve.sizes.find(({ n }) => n > 500).n);
  assert.ok(step.size > 0);
  assert.ok(step.confidence >= 0.99);
  assert.match(readFileSync(join(folder, 'c.svg'), 'utf8'), new RegExp(`ms at ${step.n}<`));
});

test('a link in between delays each way', async (t) => {
  const url = await serverFor(t, () => 0);
  const { stdout, status } = await probe(['take', url, '--sizes', '1,10', '--repeat', '2', '--json', '--link', 'delay=60ms']);
  assert.equal(status, 0);
  for (const { medianMs } of JSON.parse(stdout).curves[0].sizes) assert.ok(medianMs >= 110, String(medianMs));
});

test('wrong words, and servers that fail', async (t) => {
  const url = await serverFor(t, () => 0);
  for (const words of [
    [],
    ['take'],
    ['give', url],
    ['take', 'http://127.0.0.1:1'],
    ['take', 'http://127.0.0.1:1', '--azure', '--table', 'messages'],
    ['take', 'ftp://127.0.0.1/{n}'],
    ['take', url, '--nodelay', 'maybe'],
    ['take', url, '--link', 'delay=5'],
    ['take', url, '--sizes', '0'],
  ]) {
    assert.equal((await probe(words)).status, 2, words.join(' '));
  }
  const gone = await probe(['take', 'http://127.0.0.1:1/{n}']);
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /^weir: http:\/\/127\.0\.0\.1:1: no answer: /);
});

test('a service of the table protocol: pages are followed, the account signs, a wrong one is said', async (t) => {
  const key = Buffer.from('a key of our own').toString('base64');
  const daemon = await startDaemon({ words: ['--only', 'http'], configuration: `[azure]\nkeys = ["ours=${key}"]\n` });
  t.after(() => daemon.clean());
  const lines = Array.from({ length: 1500 }, (_, index) =>
    JSON.stringify({ table: 'messages', partition: "o'hara", row: String(10_000 + index) }),
  );
  assert.equal((await fetch(`${daemon.url}/ingest/records`, { method: 'POST', body: lines.join('\n') })).status, 200);
  const words = [
    'take',
    `${daemon.url}/tables`,
    '--azure',
    '--table',
    'messages',
    '--partition',
    "o'hara",
    '--sizes',
    '1,500,1000,1001,1500',
    '--repeat',
    '2',
    '--json',
  ];
  const { stdout, stderr, status } = await probe(words, { WEIR_AZURE_ACCOUNT: `ours=${key}` });
  assert.equal(status, 0, stderr);
  const bytes = Object.fromEntries(JSON.parse(stdout).curves[0].sizes.map((one) => [one.n, one.bytes]));
  // 1,001 records are a page of 1,000 and a page of one.
  assert.ok(Math.abs(bytes[1001] - bytes[1000] - bytes[1]) < 10, JSON.stringify(bytes));
  assert.ok(Math.abs(bytes[1500] - bytes[1000] - bytes[500]) < 10, JSON.stringify(bytes));
  const wrong = await probe(words, { WEIR_AZURE_ACCOUNT: `ours=${Buffer.from('another').toString('base64')}` });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /answered 403/);
  assert.equal(await daemon.stop(), 0);
});

test('requests in two pieces, with and without TCP_NODELAY', async (t) => {
  const url = await serverFor(t, () => 0);
  const { stdout, status } = await probe(['take', url, '--sizes', '1,10', '--repeat', '2', '--json', '--nodelay', 'on,off']);
  assert.equal(status, 0);
  assert.deepEqual(
    JSON.parse(stdout).curves.map(({ nodelay, sizes }) => [nodelay, sizes.map(({ n, bytes }) => [n, bytes])]),
    [true, false].map((nodelay) => [
      nodelay,
      [
        [1, 1],
        [10, 10],
      ],
    ]),
  );
});

test('the picture of a curve', () => {
  const curve = (name, base, add) => {
    const sizes = Array.from({ length: 20 }, (_, index) => {
      const n = 1 + index * 100;
      const medianMs = base + n * 0.01 + (n > 1000 ? add : 0) + Math.sin(index * 7) * 0.3;
      return { n, medianMs, p99Ms: medianMs * (1.2 + ((index * 13) % 7) / 4) + (index === 4 ? 300 : 0) };
    });
    return {
      name,
      sizes,
      ...findSteps(
        sizes.map(({ n }) => n),
        sizes.map(({ medianMs }) => medianMs),
      ),
    };
  };
  const svg = latencyChart([curve('TCP_NODELAY on', 2, 8), curve('TCP_NODELAY off', 42, 0)]);
  const golden = join(root, 'test/golden/charts/latency.svg');
  if (process.env.WEIR_UPDATE === '1') writeFileSync(golden, svg);
  assert.equal(svg, readFileSync(golden, 'utf8'));
});
