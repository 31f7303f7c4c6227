/**
 * A UDP listener: a receive buffer of 16 MiB, as far as the system grants it (bursts are lost with the usual one), no copy, no answer. Before it closes it reads what the
 * kernel still holds. What the kernel dropped is read from `/proc/net/udp` and shown as a loss.
 */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { openBatches } from './datagram-batches.js';
import type { Account } from './ledger.js';
import type { Listener, OpenListener, Session } from './listener.js';
import type { Services } from './services.js';

export const receiveBufferSize = 16 << 20;

/** Opens the socket of a UDP row: of lines in batches where that can be, else a plain one. Throws the system's error when the port is taken. */
export async function openUdp(row: Listener, services: Services, host: string, port: number): Promise<OpenListener> {
  const account = services.ledger.account(row.name);
  const session = row.session(services, account);
  if (row.isLines !== true || !services.configuration().listen.batches) return await openPlain(row, services, host, port, session);
  let instead: Promise<OpenListener | undefined> | undefined;
  const lost = (bound: number): void => {
    services.ledger.notice(row.name, 'the thread that reads datagrams ended; a plain socket takes its place');
    instead = openPlain(row, services, host, bound, session).catch((error: Error) => {
      services.ledger.notice(row.name, error.message);
      return undefined;
    });
  };
  const countDrops = (bound: number): void => updateDrops(account, bound);
  const batches = await openBatches({ row, services, host, port, receiveBufferSize, session, account, countDrops, lost });
  if (batches === undefined) return await openPlain(row, services, host, port, session);
  return { ...batches, stop: async () => await (instead === undefined ? batches : await instead)?.stop() };
}

async function openPlain(row: Listener, services: Services, host: string, port: number, session: Session): Promise<OpenListener> {
  const account = services.ledger.account(row.name);
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: receiveBufferSize });
  let seen = 0;
  socket.on('message', (bytes) => {
    seen++;
    account.datagrams++;
    account.bytes += bytes.length;
    session.take(bytes);
  });
  socket.bind({ port, address: host });
  await once(socket, 'listening');
  socket.on('error', (error) => services.ledger.notice(row.name, error.message));
  const address = socket.address();
  const stop = async (): Promise<void> => {
    await drain(() => seen);
    updateDrops(account, address.port);
    await close(socket);
    session.end();
  };
  return { name: row.name, host: address.address, port: address.port, stop };
}

// The event loop hands over a batch of datagrams a turn: three turns in a row without any mean that the kernel holds none.
async function drain(seen: () => number): Promise<void> {
  for (let quiet = 0, before = seen(), turns = 0; quiet < 3 && turns < 10_000; turns++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    quiet = seen() === before ? quiet + 1 : 0;
    before = seen();
  }
}

async function close(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

/** Brings the kernel's count of dropped datagrams for a local port into its account. Linux only; elsewhere it stays 0. */
export function updateDrops(account: Account, port: number): void {
  const drops = readDrops(port);
  if (drops > account.kernelDrops) account.kernelDrops = drops;
}

/** Datagrams dropped by the kernel on the sockets bound to a local port. */
export function readDrops(port: number): number {
  let total = 0;
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    let text: string;
    try {
      text = readFileSync(file, 'latin1');
    } catch {
      continue;
    }
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const local = columns[1]?.split(':')[1];
      if (local !== undefined && Number.parseInt(local, 16) === port) total += Number(columns.at(-1)) || 0;
    }
  }
  return total;
}
