/**
 * A TCP listener: a session a connection, a bound on connections, keep-alive probes against half-open peers, and reading that pauses while
 * the store is behind. Before it closes it takes what connected peers have already sent.
 */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Account } from './ledger.js';
import type { Listener, OpenListener, Session } from './listener.js';
import type { Services } from './services.js';

const keepAliveMs = 30_000;
const drainMs = 40;
const drainMaxMs = 2000;

/** Opens the socket of a TCP row. Throws the system's error when the port is taken. */
export async function openTcp(row: Listener, services: Services, host: string, port: number): Promise<OpenListener> {
  const account = services.ledger.account(row.name);
  const sockets = new Set<Socket>();
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: keepAliveMs, noDelay: true });
  server.on('connection', (socket) => {
    if (sockets.size >= services.configuration().limits.connections) {
      account.connectionsRefused++;
      socket.destroy();
      return;
    }
    sockets.add(socket);
    serveConnection(socket, row.session(services, account), account, services, () => sockets.delete(socket));
  });
  server.on('error', (error) => services.ledger.notice(row.name, error.message));
  const address = await listen(server, host, port);
  const stop = async (): Promise<void> => {
    // Peers whose connection the kernel has already made are let in first: what they have sent is read too.
    await new Promise((resolve) => setTimeout(resolve, drainMs));
    server.close();
    await Promise.all([...sockets].map(drain));
  };
  return { name: row.name, host: address.host, port: address.port, stop };
}

/** Listens and tells where. */
export async function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  server.listen({ host, port, backlog: 511 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no address');
  return { host: address.address, port: address.port };
}

function serveConnection(socket: Socket, session: Session, account: Account, services: Services, gone: () => void): void {
  account.connections++;
  account.connectionsNow++;
  socket.on('data', (bytes: Buffer) => {
    account.bytes += bytes.length;
    const answer = session.take(bytes);
    if (answer !== undefined && answer !== '') {
      // A peer that asks and never reads is cut off once its answers pile up.
      if (socket.writableLength > 1 << 20) socket.destroy();
      else socket.write(answer);
    }
    if (session.closed?.() === true) socket.destroySoon();
    const wait = services.intake.pressure();
    if (wait !== undefined) {
      socket.pause();
      wait.then(() => socket.resume());
    }
  });
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    account.connectionsNow--;
    session.end();
    gone();
  });
}

// Reads on until nothing has come for a moment, then closes: what the peer's kernel has handed over is taken.
async function drain(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  let before = -1;
  for (let waited = 0; waited < drainMaxMs && !socket.destroyed && socket.bytesRead !== before; waited += drainMs) {
    before = socket.bytesRead;
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, drainMs))]);
  }
  if (!socket.destroyed) socket.destroy();
  await closed;
}
