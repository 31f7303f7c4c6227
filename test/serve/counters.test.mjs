// The founding question: 4,000 increments over a day show as 4,000 at every zoom. Sent by real clients over real sockets; beside it
// real carbon-cache is fed the same lines and shows what it shows.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, startPeer } from '../free-port.mjs';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const day = 86_400;
const start = 1_795_392_000; // 2026-11-23T00:00:00Z

// 4,000 increments spread over the day by a fixed rule; some share a second, some share a slot.
const times = Array.from({ length: 4000 }, (_, index) => start + Math.floor((index * 7919 * 21.6) % day));

const schemas = { '10 s': 10, '1 min': 60, '10 min': 600, '1 day': 86_400 };

for (const [label, step] of Object.entries(schemas)) {
  test(`4,000 increments at ${label}: the sum is 4,000 at every maxDataPoints from 1 to 2,000`, async () => {
    const daemon = await startDaemon({ words: ['--now', String(start + day)], configuration: '[statsd]\ndialect = "dogstatsd"\n' });
    try {
      const lines = times.map((time) => `shop.orders:1|c|T${time}`).join('\n');
      await sendTcp(daemon.ports['statsd-tcp'], `${lines}\n`);
      const query = `from=${start - 1}&until=${start + day}&now=${start + day}`;
      const target = step === 10 ? 'stats_counts.shop.orders' : `summarize(stats_counts.shop.orders,"${step}s","sum")`;
      const ask = async (points) =>
        sumOf((await daemon.render(`target=${encodeURIComponent(target)}&${query}&maxDataPoints=${points}`))[0] ?? { datapoints: [] });
      await until(
        () => ask(1000),
        (sum) => sum === 4000,
      );
      for (let points = 1; points <= 2000; points++) {
        assert.equal(await ask(points), 4000, `maxDataPoints=${points}`);
      }
    } finally {
      await daemon.stop();
      daemon.clean();
    }
  });
}

test('hot-shots and statsd-client: what they count is what is shown', async () => {
  const daemon = await startDaemon({ configuration: '[statsd]\ndialect = "dogstatsd"\n' });
  try {
    const HotShots = require('hot-shots');
    const StatsdClient = require('statsd-client');
    const shots = new HotShots({ host: '127.0.0.1', port: daemon.ports.statsd, maxBufferSize: 1400, bufferFlushInterval: 10 });
    const client = new StatsdClient({ host: '127.0.0.1', port: daemon.ports.statsd });
    const stream = new StatsdClient({ host: '127.0.0.1', port: daemon.ports['statsd-tcp'], tcp: true });
    for (let index = 0; index < 1000; index++) {
      shots.increment('real.hits');
      client.increment('real.hits');
      stream.increment('stream.hits');
    }
    shots.increment('real.tagged', 5, ['host:a', 'zone:b']);
    shots.timing('real.time', 12);
    shots.gauge('real.level', 7);
    shots.set('real.users', 'alice');
    await new Promise((resolve) => shots.close(resolve));
    const totals = () => daemon.render('target=stats_counts.real.hits&from=-10min&maxDataPoints=1');
    await until(totals, (answer) => answer[0] !== undefined && sumOf(answer[0]) === 2000);
    // statsd-client writes some of its first lines twice over TCP: what it wrote is what must be shown.
    const written = async () =>
      (await daemon.status()).listeners.find((one) => one.name === 'statsd-tcp').bytes / 'stream.hits:1|c\n'.length;
    const shown = async () => (await daemon.render('target=stats_counts.stream.hits&from=-10min&maxDataPoints=1'))[0];
    await until(
      async () => [await written(), sumOf((await shown()) ?? { datapoints: [] })],
      ([sent, counted]) => sent >= 1000 && sent === counted,
    );
    client.close();
    stream.close();
    const tagged = await until(
      () =>
        daemon.render(`target=${encodeURIComponent("seriesByTag('name=stats_counts.real.tagged','host=a')")}&from=-10min&maxDataPoints=1`),
      (answer) => answer.length === 1,
    );
    assert.equal(sumOf(tagged[0]), 5);
    assert.deepEqual(tagged[0].tags, { name: 'stats_counts.real.tagged', host: 'a', zone: 'b' });
    // They may come in a datagram behind that of the tagged ones.
    const others = ['stats.timers.real.time.mean', 'stats.gauges.real.level', 'stats.sets.real.users.count'];
    await until(
      async () =>
        (await daemon.render(`${others.map((name) => `target=${name}`).join('&')}&from=-10min`)).map(({ datapoints }) =>
          Math.max(...datapoints.map(([value]) => value ?? 0)),
        ),
      (greatest) => greatest.join() === '12,7,1',
    );
  } finally {
    await daemon.stop();
    daemon.clean();
  }
});

test('nc: a line over UDP and over TCP', {
  skip: spawnSync('sh', ['-c', 'command -v nc']).status !== 0 && process.env.CI !== 'true' && 'nc is not installed',
}, async () => {
  const daemon = await startDaemon();
  try {
    // From a file, which is ready at once: with `-w0` and a pipe nc may leave before its line has come.
    const line = join(daemon.folder, 'line');
    writeFileSync(line, 'nc.hits:2|c');
    assert.equal(spawnSync('sh', ['-c', `nc -u -w0 127.0.0.1 ${daemon.ports.statsd} <${line}`]).status, 0);
    writeFileSync(line, 'nc.hits:3|c\n');
    assert.equal(spawnSync('sh', ['-c', `nc -N 127.0.0.1 ${daemon.ports['statsd-tcp']} <${line}`]).status, 0);
    await until(
      () => daemon.render('target=stats_counts.nc.hits&from=-10min&maxDataPoints=1'),
      (answer) => answer[0] !== undefined && sumOf(answer[0]) === 5,
    );
  } finally {
    await daemon.stop();
    daemon.clean();
  }
});

test('8 clients, 100,000 increments: what was read from the sockets is what is shown', async () => {
  const daemon = await startDaemon();
  try {
    const sent = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index < 4 ? sendStream(daemon.ports['statsd-tcp']) : sendDatagrams(daemon.ports.statsd))),
    );
    const total = sent.reduce((sum, count) => sum + count, 0);
    assert.equal(total, 100_000);
    // Every line of the streams, and every datagram that the kernel did not drop.
    const of = ({ listeners }, name) => listeners.find((one) => one.name === name);
    const status = await until(
      daemon.status,
      (answer) =>
        of(answer, 'statsd-tcp').accepted === 50_000 && of(answer, 'statsd').datagrams + of(answer, 'statsd').kernelDrops === 2000,
    );
    const read = of(status, 'statsd-tcp').accepted + of(status, 'statsd').accepted;
    assert.equal(read, 50_000 + 25 * of(status, 'statsd').datagrams);
    await until(
      () => daemon.render('target=stats_counts.many&from=-10min&maxDataPoints=1'),
      (answer) => answer[0] !== undefined && sumOf(answer[0]) === read,
    );
  } finally {
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
  }
});

async function sendStream(port) {
  await sendTcp(port, 'many:1|c\n'.repeat(12_500));
  return 12_500;
}

async function sendDatagrams(port) {
  const socket = createSocket('udp4');
  const send = (text) =>
    new Promise((resolve, reject) => socket.send(text, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())));
  for (let index = 0; index < 500; index++) await send('many:1|c\n'.repeat(25));
  socket.close();
  return 12_500;
}

// What a team sees today: one Graphite line an increment, two a second, so that points of a slot overwrite each other.
const carbon = ['/usr/bin/carbon-cache', '/usr/bin/whisper-fetch'].every((path) => existsSync(path));
test('carbon-cache fed the same 4,000 lines shows fewer; Weir shows 4,000', {
  skip: !carbon && process.env.CI !== 'true' && 'carbon-cache is not installed',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-carbon-'));
  const now = Math.floor(Date.now() / 1000);
  const lines = Array.from({ length: 4000 }, (_, index) => `app.orders 1 ${now - 3000 + Math.floor(index / 2)}\n`).join('');
  writeFileSync(join(folder, 'storage-schemas.conf'), '[all]\npattern = .*\nretentions = 10s:6h,1m:6d\n');
  const { cache, ended, port } = await startPeer('carbon-cache', () => tryCarbon(folder));
  const daemon = await startDaemon({ configuration: '[[rule]]\npattern = "^app"\nmethod = "sum"\n' });
  try {
    await sendTcp(port, lines);
    await sendTcp(daemon.ports.graphite, lines);
    const inCarbon = () => {
      const words = [`--from=${now - 3600}`, `--until=${now}`, join(folder, 'whisper/app/orders.wsp')];
      const { stdout } = spawnSync('whisper-fetch', words, { encoding: 'utf8' });
      return (stdout ?? '').split('\n').reduce((sum, line) => sum + (Number(line.split('\t')[1]) || 0), 0);
    };
    const carbonSum = await until(inCarbon, (sum) => sum >= 200);
    assert.ok(carbonSum < 4000, `carbon shows ${carbonSum}`);
    for (const points of [1, 7, 100, 2000]) {
      await until(
        () => daemon.render(`target=app.orders&from=-1h&maxDataPoints=${points}`),
        (answer) => answer[0] !== undefined && sumOf(answer[0]) === 4000,
      );
    }
    process.stdout.write(`# of 4,000 increments carbon-cache shows ${carbonSum}\n`);
  } finally {
    cache.kill('SIGKILL');
    await ended;
    await daemon.stop();
    daemon.clean();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function tryCarbon(folder) {
  const port = await freePort();
  writeFileSync(join(folder, 'carbon.conf'), carbonConfiguration(folder, port, await freePort(), await freePort()));
  const cache = spawn('/usr/bin/carbon-cache', [`--config=${folder}/carbon.conf`, '--nodaemon', 'start'], { stdio: 'ignore' });
  const ended = once(cache, 'exit');
  await until(
    async () => cache.exitCode !== null || (await reachable(port)),
    (isDone) => isDone,
  );
  return cache.exitCode === null ? { cache, ended, port } : undefined;
}

function carbonConfiguration(folder, line, pickle, query) {
  const folders = ['STORAGE_DIR', 'CONF_DIR', 'LOG_DIR', 'PID_DIR'].map((name) => `${name} = ${folder}/`);
  const ports = Object.entries({ LINE_RECEIVER: line, PICKLE_RECEIVER: pickle, CACHE_QUERY: query }).flatMap(([name, port]) => [
    `${name}_INTERFACE = 127.0.0.1`,
    `${name}_PORT = ${port}`,
  ]);
  const rest = ['ENABLE_UDP_LISTENER = False', 'MAX_UPDATES_PER_SECOND = inf', 'MAX_CREATES_PER_MINUTE = inf'];
  return ['[cache]', ...folders, `LOCAL_DATA_DIR = ${folder}/whisper/`, ...ports, ...rest, ''].join('\n');
}

async function reachable(port) {
  const socket = connect(port, '127.0.0.1');
  return await new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
