/**
 * A proxy that makes loopback behave as a link does: each piece that passes is held for a delay with jitter, in order, and a lost one for a retransmission timeout on top. What the
 * question of a wireless link comes down to is time between pieces, so that is what is made; the bytes are never changed. Used by `weir probe`.
 */

import { connect, createServer, type Socket } from 'node:net';
import { Usage } from '../base/faults.js';

export interface Link {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Share of pieces, 0 to 1. */
  readonly loss: number;
}

/** What a lost segment costs: the least retransmission timeout of Linux. */
const retransmitMs = 200;

/** Reads `delay=20ms,jitter=5ms,loss=0.5%`. */
export function parseLink(text: string): Link {
  const link = { delayMs: 0, jitterMs: 0, loss: 0 };
  for (const part of text.split(',')) {
    const match = /^(delay|jitter|loss)=(\d{1,6}(?:\.\d{1,6})?)(ms|%)$/.exec(part.trim());
    const value = Number(match?.[2]);
    if (match?.[1] === 'delay' && match[3] === 'ms') link.delayMs = value;
    else if (match?.[1] === 'jitter' && match[3] === 'ms') link.jitterMs = value;
    else if (match?.[1] === 'loss' && match[3] === '%' && value <= 100) link.loss = value / 100;
    else throw new Usage(`--link '${part}': expected delay=20ms,jitter=5ms,loss=0.5%`);
  }
  return link;
}

export interface LinkOptions {
  /** TCP_NODELAY of the connection to the server (true). */
  readonly noDelay?: boolean;
  /** Sends each piece of a request as two: its first line, then the rest. */
  readonly halves?: boolean;
}

/**
 * Opens a proxy to a host and port on a free port of loopback. `random` gives numbers in [0, 1). With `halves` and without `noDelay` the second half waits, by Nagle's algorithm, until the
 * first is acknowledged, and an acknowledgement that has no answer to travel with is held back (40 ms on Linux): what a client does that writes head and body one by one.
 */
export async function openLink(
  host: string,
  port: number,
  link: Link,
  random: () => number,
  { noDelay = true, halves = false }: LinkOptions = {},
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host, port, noDelay, allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    pass(near, far, link, random, halves);
    pass(far, near, link, random, false);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close };
}

function pass(from: Socket, to: Socket, link: Link, random: () => number, halves: boolean): void {
  let last = Promise.resolve();
  const after = (act: () => void): void => {
    const jitter = link.jitterMs * (random() * 2 - 1);
    const holdMs = Math.max(0, link.delayMs + jitter + (random() < link.loss ? retransmitMs : 0));
    const held = new Promise<void>((resolve) => {
      setTimeout(resolve, holdMs);
    });
    last = last.then(() => held).then(act);
  };
  from.on('data', (piece: Buffer) =>
    after(() => {
      if (!to.writable) return;
      const cut = halves ? piece.indexOf('\n') + 1 : 0;
      if (cut > 0) to.write(piece.subarray(0, cut));
      to.write(piece.subarray(cut));
    }),
  );
  from.on('end', () => after(() => to.end()));
  from.on('close', () => after(() => to.destroy()));
}
