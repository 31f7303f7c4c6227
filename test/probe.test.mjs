// weir probe take: the step of a server that has one is found, a smooth server has none, links delay, wrong words are refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

async function probe(...words) {
  const child = spawn(process.execPath, [join(root, 'bin/weir'), 'probe', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  const { stdout, stderr, status } = await probe('take', url, '--repeat', '5', '--json', '--svg', join(folder, 'c.svg'));
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
  const { stdout, status } = await probe('take', url, '--sizes', '1,10', '--repeat', '2', '--json', '--link', 'delay=60ms');
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
    ['take', url, '--nodelay', 'maybe'],
    ['take', url, '--link', 'delay=5'],
    ['take', url, '--sizes', '0'],
  ]) {
    assert.equal((await probe(...words)).status, 2, words.join(' '));
  }
  const gone = await probe('take', 'http://127.0.0.1:1/{n}');
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /^weir: http:\/\/127\.0\.0\.1:1: no answer: /);
});
