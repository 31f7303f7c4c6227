// A graceful restart in the middle of the traffic of eight clients: what the sockets read before and after is what is shown; nothing is lost and
// nothing counts twice. Gauges go on from where they were, timers and sets merge across the restart, and the ladder reaches coarse archives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const total = Number(process.env.WEIR_INCREMENTS ?? 1_000_000);

test(`8 clients, ${total} increments, a graceful restart in the middle: difference 0`, async () => {
  const share = total / 16;
  const send = (daemon) => Promise.all(Array.from({ length: 8 }, () => sendTcp(daemon.ports['statsd-tcp'], 'many:1|c\n'.repeat(share))));
  let daemon = await startDaemon();
  await send(daemon);
  // SIGTERM right behind the last byte: what the clients have handed to the kernel is still to be read.
  assert.equal(await daemon.stop(), 0);
  daemon = await startDaemon({ folder: daemon.folder });
  try {
    await send(daemon);
    for (const points of [1, 10, 300]) {
      await until(
        async () => (await daemon.render(`target=stats_counts.many&from=-30min&maxDataPoints=${points}`))[0],
        (series) => series !== undefined && sumOf(series) === total,
      );
    }
  } finally {
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
  }
});

test('what was there is there after a restart: gauges, timers, sets, names, tags', async () => {
  const now = 1_795_392_000;
  const words = ['--now', String(now)];
  const configuration = '[statsd]\ndialect = "dogstatsd"\n[limits]\nseries = 100\n';
  let daemon = await startDaemon({ words, configuration });
  await sendTcp(daemon.ports['statsd-tcp'], 'g:5|g\nt:10|ms\nt:20|ms\nu:alice|s\nu:bob|s\nc:2|c|#zone:a\n');
  await sendTcp(daemon.ports.graphite, `a.b 1 ${now}\na.b 3 ${now}\nold.line 7 ${now - 86_400}\nancient.line 7 ${now - 200_000_000}\n`);
  await until(daemon.status, (status) => status.listeners.some((one) => one.name === 'graphite' && one.lines === 4));
  const rejected = (await daemon.status()).listeners.find((one) => one.name === 'graphite').rejected;
  assert.deepEqual(rejected, { 'too-old': 1 });
  assert.equal(await daemon.stop(), 0);
  daemon = await startDaemon({ words, configuration, folder: daemon.folder });
  try {
    await sendTcp(daemon.ports['statsd-tcp'], 't:30|ms\nu:bob|s\nu:carol|s\n');
    const last = async (target, from = 60) => {
      const answer = await daemon.render(`target=${encodeURIComponent(target)}&from=${now - from}&until=${now}&now=${now}&noNullPoints=1`);
      return answer[0]?.datapoints.at(-1)?.[0];
    };
    await until(
      () => last('stats.timers.t.upper'),
      (value) => value === 30,
    );
    assert.equal(await last('stats.timers.t.mean'), 20);
    assert.equal(await last('stats.timers.t.median'), 20);
    assert.equal(await last('stats.sets.u.count'), 3);
    assert.equal(await last('stats.gauges.g'), 5);
    assert.equal(await last("seriesByTag('name=stats_counts.c','zone=a')"), 2);
    assert.equal(await last('a.b'), 2);
    assert.equal(await last('old.line', 90_000), 7);
    const names = await (await fetch(`${daemon.url}/metrics/index.json`)).json();
    assert.ok(names.includes('a.b') && names.includes('stats.gauges.g') && !names.includes('ancient.line'));
  } finally {
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
  }
});

test('two daemons on one folder: the second is refused in one line', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  await assert.rejects(startDaemon({ folder: daemon.folder }), /did not start: weir: [^\n]*(writes|written by process)/);
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});
