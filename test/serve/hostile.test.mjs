// Strangers at the sockets: floods of new series, lines without end, pickles that would run code, peers that connect and say nothing, readers
// that never read. Memory stays bounded, each reject is counted by its cause, and the others are served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

let daemon;
before(async () => {
  daemon = await startDaemon({
    configuration:
      '[limits]\nseries = 5000\nconnections = 50\nbodySize = 20000\nrequestSeries = 1000\nrequestSeconds = 5\npoints = 200000\n',
  });
});
after(() => daemon.clean());

const listener = async (name) => (await daemon.status()).listeners.find((one) => one.name === name);
const memory = (of = daemon) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${of.child.pid}/status`, 'latin1'))[1]) * 1024;

async function stillServes() {
  const now = Math.floor(Date.now() / 1000);
  await sendTcp(daemon.ports.graphite, `alive.probe 1 ${now}\n`);
  await until(
    () => daemon.render('target=alive.probe&from=-30min&maxDataPoints=1'),
    (answer) => answer[0] !== undefined && sumOf(answer[0]) >= 1,
  );
}

test('a flood of new series ends at the limit, counted; known series go on', async () => {
  await stillServes();
  const now = Math.floor(Date.now() / 1000);
  const lines = Array.from({ length: 50_000 }, (_, index) => `flood.n${index}.x 1 ${now}\n`).join('');
  const rss = memory();
  await sendTcp(daemon.ports.graphite, lines);
  const account = await until(
    () => listener('graphite'),
    (one) => one.lines >= 50_000,
  );
  assert.ok(account.rejected['series-limit'] >= 45_000);
  assert.equal((await daemon.status()).series, 5000);
  assert.ok(memory() - rss < 150 << 20);
  await stillServes();
});

test('a line of 20 MB is counted once, its neighbours are kept', async () => {
  const rss = memory();
  const chunk = 'x'.repeat(1 << 20);
  await sendTcp(daemon.ports.graphite, 'alive.probe 1 -1\n', ...Array.from({ length: 20 }, () => chunk), '\nalive.probe 1 -1\n');
  const account = await until(
    () => listener('graphite'),
    (one) => one.rejected['too-long'] === 1,
  );
  assert.equal(account.rejected['too-long'], 1);
  assert.ok(memory() - rss < 100 << 20);
  await stillServes();
});

test('a pickle that would run code, a frame of 4 GiB and a cut one: counted, closed, nothing run', async () => {
  const evil = Buffer.from('0000002b80025d7100635f5f6275696c74696e5f5f0a6576616c0a71015803000000312b317102857103527104612e', 'hex');
  for (const bytes of [evil, Buffer.from('ffffffff616263', 'hex')]) {
    const socket = connect(daemon.ports.pickle, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
  }
  await sendTcp(daemon.ports.pickle, Buffer.from('0000002880025d', 'hex'));
  const account = await until(
    () => listener('pickle'),
    (one) => one.rejected['cut-off'] === 1,
  );
  assert.deepEqual([account.rejected.pickle, account.rejected['frame-size'], account.accepted], [1, 1, 0]);
});

test('peers that connect and say nothing are bounded; when they go, others come in', async () => {
  const silent = await Promise.all(
    Array.from({ length: 80 }, async () => {
      const socket = connect(daemon.ports['statsd-tcp'], '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
  const account = await until(
    () => listener('statsd-tcp'),
    (one) => one.connectionsRefused >= 30,
  );
  assert.equal(account.connectionsNow, 50);
  for (const socket of silent) socket.destroy();
  await until(
    () => listener('statsd-tcp'),
    (one) => one.connectionsNow === 0,
  );
  await sendTcp(daemon.ports['statsd-tcp'], 'alive.count:1|c\n');
  await until(
    () => listener('statsd-tcp'),
    (one) => one.lines === 1,
  );
});

test('requests: too large a body, a head that never ends, a reader that never reads', async () => {
  const tooLarge = await fetch(`${daemon.url}/render`, {
    method: 'POST',
    body: `target=${'a'.repeat(30_000)}`,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  assert.equal(tooLarge.status, 413);
  assert.equal((await tooLarge.json()).error.kind, 'malformed');
  const slow = connect(daemon.ports.http, '127.0.0.1');
  slow.on('error', () => {});
  slow.write('GET /render?target=alive.probe HTTP/1.1\r\nHost: x\r\n');
  const closed = once(slow, 'close');
  const deaf = connect(daemon.ports.http, '127.0.0.1');
  deaf.on('error', () => {});
  deaf.pause();
  for (let index = 0; index < 200; index++) deaf.write('GET /metrics/index.json HTTP/1.1\r\nHost: x\r\n\r\n');
  await stillServes();
  slow.resume();
  await closed;
  deaf.destroy();
});

test('a body far larger than a socket holds, with its length said before and in pieces: whoever is still sending gets the answer', async () => {
  const other = await startDaemon({ words: ['--only', 'http'], configuration: '[limits]\nbodySize = 20000\n' });
  const pieces = function* () {
    for (let index = 0; index < 200; index++) yield Buffer.alloc(65_536, 'a');
  };
  const rss = memory(other);
  for (const body of [Buffer.alloc(12 << 20, 'a'), ReadableStream.from(pieces())])
    assert.equal((await fetch(`${other.url}/ingest/logs`, { method: 'POST', body, duplex: 'half' })).status, 413);
  assert.ok(memory(other) - rss < 60 << 20);
  assert.equal(await other.stop(), 0);
  other.clean();
});

test('requests that would read too much are refused with a reason', async () => {
  const many = await fetch(`${daemon.url}/render?target=flood.*.x&from=-1h`);
  assert.equal(many.status, 422);
  assert.match((await many.json()).error.message, /1000 series/);
  const deep = await fetch(`${daemon.url}/render?target=${'absolute('.repeat(100)}a${')'.repeat(100)}`);
  assert.equal(deep.status, 400);
  const braces = await fetch(`${daemon.url}/render?target=${encodeURIComponent('{a,b}'.repeat(20))}`);
  assert.equal(braces.status, 400);
  const bad = await fetch(`${daemon.url}/render?target=alive.probe&from=soonish`);
  assert.equal(bad.status, 400);
});

test('after all of it, SIGTERM ends the daemon with 0', async () => {
  assert.equal(await daemon.stop(), 0);
});
