/**
 * A UDP listener whose datagrams are read many at a time in a thread of its own (`datagram-batches.worker.ts`) and come here as runs of lines: for lines only,
 * where a datagram is no more than the lines in it. Linux on 64-bit little-endian machines with the optional package `koffi`; elsewhere, and when
 * anything goes wrong, `undefined`, and a plain socket takes its place.
 */

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { arch, endianness, platform } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Account } from './ledger.js';
import type { Listener, OpenListener, Session } from './listener.js';
import type { Services } from './services.js';

/** Numbers that both threads see: `stop` 0 runs, 1 drains, 2 closes; `outstanding` bytes that were sent here and not yet taken. */
export type BatchControl = Int32Array;
export const control = { stop: 0, outstanding: 1 } as const;

export interface BatchOrder {
  readonly host: string;
  readonly port: number;
  readonly receiveBufferSize: number;
  readonly control: BatchControl;
}

export type BatchMessage =
  | { readonly kind: 'open'; readonly port: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'lines'; readonly bytes: ArrayBuffer; readonly datagrams: number; readonly size: number }
  | { readonly kind: 'drained' };

export interface BatchOptions {
  readonly row: Listener;
  readonly services: Services;
  readonly host: string;
  readonly port: number;
  readonly receiveBufferSize: number;
  readonly session: Session;
  readonly account: Account;
  /** Reads the kernel's count of drops for a port, while its socket is open. */
  readonly countDrops: (port: number) => void;
  /** The thread ended though nobody asked: its socket is closed. */
  readonly lost: (port: number) => void;
}

const machines = ['x64', 'arm64', 'riscv64', 'loong64'];

/** Opens the listener, or tells by `undefined` that this is no place for it. */
export async function openBatches(options: BatchOptions): Promise<OpenListener | undefined> {
  const { row, services, session, account } = options;
  if (platform() !== 'linux' || endianness() !== 'LE' || !machines.includes(arch())) return undefined;
  const host = isIP(options.host) > 0 ? options.host : (await lookup(options.host)).address;
  const shared: BatchControl = new Int32Array(new SharedArrayBuffer(8));
  const order: BatchOrder = { host, port: options.port, receiveBufferSize: options.receiveBufferSize, control: shared };
  const worker = new Worker(new URL('datagram-batches.worker.js', import.meta.url), { workerData: order, name: row.name });
  const [opening, drained, exited] = [promise<number | undefined>(), promise<void>(), promise<void>()];
  worker.on('message', (message: BatchMessage) => {
    if (message.kind === 'open') opening.resolve(message.port);
    else if (message.kind === 'failed') opening.resolve(undefined);
    else if (message.kind === 'drained') drained.resolve();
    else {
      account.datagrams += message.datagrams;
      account.bytes += message.size;
      session.take(Buffer.from(message.bytes), message.datagrams);
      Atomics.sub(shared, control.outstanding, message.bytes.byteLength);
      Atomics.notify(shared, control.outstanding);
    }
  });
  worker.on('error', (error) => services.ledger.notice(row.name, error.message));
  let isStopping = false;
  worker.on('exit', () => {
    for (const one of [opening, drained, exited]) (one.resolve as (value?: undefined) => void)();
  });
  const opened = await opening.promise;
  if (opened === undefined) {
    await exited.promise;
    return undefined;
  }
  worker.on('exit', () => {
    if (!isStopping) options.lost(opened);
  });
  return {
    name: row.name,
    host,
    port: opened,
    stop: async () => {
      isStopping = true;
      const say = (stop: number): void => {
        Atomics.store(shared, control.stop, stop);
        Atomics.notify(shared, control.stop);
      };
      say(1);
      await drained.promise;
      options.countDrops(opened);
      say(2);
      await exited.promise;
      session.end();
    },
  };
}

interface Promised<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function promise<T>(): Promised<T> {
  let resolve: (value: T) => void = () => {};
  const made = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise: made, resolve };
}
