// A port for a peer that cannot take a free one by itself. It lies below the range from which the kernel gives ports to clients and to `port 0`, so
// that nothing that runs beside takes it between the asking and the peer's own bind; and a peer that ends at its start is started again on another.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = 10_240;

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort() {
  const bound = lowestOfKernel();
  for (;;) {
    const server = createServer();
    server.listen(bound > lowest + 1000 ? randomInt(lowest, bound) : 0, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (error.code === 'EADDRINUSE') continue;
      throw error;
    }
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** What `start` answers; it is asked again, at most five times, while it answers `undefined`: the peer ended before it was ready. */
export async function startPeer(name, start) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const peer = await start();
    if (peer !== undefined) return peer;
  }
  throw new Error(`${name} did not start`);
}

function lowestOfKernel() {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/)[0]);
  } catch {
    return 32_768;
  }
}
