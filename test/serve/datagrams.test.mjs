// Datagrams read in batches and one by one: the same counts, every size, both families, and all that the kernel held when the daemon was told to stop.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { startDaemon, sumOf, until } from './daemon.mjs';

for (const [how, configuration] of [
  ['in batches', '[listen]\nhost = "127.0.0.1"\n'],
  ['one by one', '[listen]\nbatches = false\n'],
  ['in batches, IPv6', '[listen]\nhost = "::1"\n'],
]) {
  test(`datagrams ${how}: counted one by one, none is cut, the last are read before the end`, async () => {
    const daemon = await startDaemon({ words: ['--only', 'http,statsd,graphite-udp'], configuration });
    const host = how.endsWith('IPv6') ? '::1' : '127.0.0.1';
    const socket = createSocket({ type: host === '::1' ? 'udp6' : 'udp4', sendBufferSize: 1 << 20 });
    const send = (text, port) =>
      new Promise((resolve, reject) => socket.send(text, port, host, (error) => (error ? reject(error) : resolve())));
    const { statsd } = daemon.ports;
    const figures = async (name) => (await daemon.status()).listeners.find((one) => one.name === name);
    // The largest that UDP carries: its last line would be lost if it were cut.
    const large = `${'filler:1|c\n'.repeat(5954)}last:7|c\n`;
    assert.equal(large.length, 65_503);
    for (const text of ['', 'a:1|c', 'a:1|c\nb:2|c\r\n', 'bad', large, 'a:2|c\n\n']) await send(text, statsd);
    const taken = await until(
      () => figures('statsd'),
      ({ datagrams }) => datagrams === 6,
    );
    assert.equal(taken.bytes, 5 + 13 + 3 + 65_503 + 7);
    assert.equal(taken.accepted, 3 + 5954 + 2);
    assert.deepEqual(taken.rejected, { value: 1 });
    const sent = 2000;
    for (let index = 0; index < sent; index++) await send(`burst:${index % 3}|c|@0.5`, statsd);
    await send(`load 0.5 ${Math.floor(Date.now() / 1000)}`, daemon.ports['graphite-udp']);
    const { kernelDrops } = await figures('statsd');
    assert.equal(await daemon.stop(), 0);
    socket.close();
    const next = await startDaemon({ folder: daemon.folder, words: ['--only', 'http'] });
    const sum = async (name) => sumOf((await next.render(`target=${name}&from=-1h`))[0]);
    const burst = await sum('stats_counts.burst');
    assert.ok(
      kernelDrops > 0 || burst === 2 * Array.from({ length: sent }, (_, index) => index % 3).reduce((one, two) => one + two, 0),
      `${burst}`,
    );
    assert.equal(await sum('stats_counts.last'), 7);
    assert.equal(await sum('load'), 0.5);
    await next.stop();
    next.clean();
  });
}
