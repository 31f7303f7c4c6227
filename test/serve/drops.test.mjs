// Datagrams that the kernel drops are counted and shown: a daemon that is stopped for a while (SIGSTOP) cannot read, its receive buffer overflows, and
// afterwards what was taken and what was dropped add up to what was sent.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { readDrops } from '../../dist/serve/udp.js';
import { startDaemon, sumOf, until } from './daemon.mjs';

test('UDP drops are counted from the kernel and shown', {
  skip: process.platform !== 'linux' && 'Linux tells drops in /proc/net/udp',
}, async () => {
  const daemon = await startDaemon();
  const socket = createSocket('udp4');
  let sent = 0;
  try {
    daemon.child.kill('SIGSTOP');
    const text = `${'drop.me:1|c\n'.repeat(40)}`;
    const { statsd } = daemon.ports;
    // How many fit is the kernel's own reckoning.
    for (; sent < 500_000 && (sent % 1000 !== 0 || readDrops(statsd) < 1000); sent++)
      await new Promise((resolve, reject) => socket.send(text, statsd, '127.0.0.1', (error) => (error ? reject(error) : resolve())));
    daemon.child.kill('SIGCONT');
    const listener = async () => (await daemon.status()).listeners.find((one) => one.name === 'statsd');
    const { kernelDrops, datagrams, accepted } = await until(listener, (one) => one.kernelDrops + one.datagrams === sent);
    assert.ok(kernelDrops > 0);
    assert.equal(accepted, 40 * datagrams);
    await until(
      () => daemon.render('target=stats_counts.drop.me&from=-10min&maxDataPoints=1'),
      (answer) => answer[0] !== undefined && sumOf(answer[0]) === accepted,
    );
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    assert.match(metrics, new RegExp(`drop[^\\n]*statsd[^\\n]* ${kernelDrops}\\n`));
    process.stdout.write(`# of ${sent} datagrams the kernel dropped ${kernelDrops}\n`);
  } finally {
    daemon.child.kill('SIGCONT');
    socket.close();
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
  }
});
