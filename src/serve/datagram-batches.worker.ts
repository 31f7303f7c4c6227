/**
 * Reads datagrams of lines many at a time: one system call takes what the kernel holds (up to 128), lines of many datagrams go to the main thread as one message. A
 * datagram costs the event loop some microseconds that way, a whole system call and a callback the other way. Node has no call for it, so the C
 * library's own functions are called by `koffi`; where that is not installed, or the system is another one, the main thread opens a plain socket.
 *
 *   mmsghdr, 64 bit little-endian, 64 bytes      iovec, 16 bytes        sockaddr_in 16 bytes, sockaddr_in6 28
 *   | 0 name ptr | 8 name size u32 | 16 iovec ptr | 24 iovec count u64 | 32 control ptr | 40 control size u64 | 48 flags i32 | 56 size of the datagram u32 |
 *
 * Laws: a datagram is never cut (a slot holds the largest there is); what the main thread has not taken is bounded, beyond it the kernel drops and counts; before the
 * end everything that the kernel holds is read. Sources: recvmmsg(2), udp(7), ip(7).
 */

import { parentPort, workerData } from 'node:worker_threads';
import { parseAddress } from '../base/address.js';
import { collectBeforeLeaving } from '../base/leave.js';
import { control as at, type BatchControl, type BatchMessage, type BatchOrder } from './datagram-batches.js';

interface Library {
  readonly func: (declaration: string) => (...words: unknown[]) => number;
}
interface Foreign {
  readonly load: (path: null) => Library;
  readonly address: (buffer: Uint8Array) => bigint;
  readonly errno: () => number;
}

const [ipv4, ipv6, datagramSocket, closeOnExec] = [2, 10, 2, 0o2000000];
const [socketLevel, receiveBuffer, receiveBufferForced, ipv6Level, ipv6Only] = [1, 8, 33, 41, 26];
const [doNotWait, pollIn, interrupted] = [0x40, 1, 4];
const slots = 128;
const slotSize = 65_536;
const packedMax = 1 << 20;
/** A message is sent when so much is packed, or so many turns have passed. */
const packedEnough = 64 << 10;
const turnsMax = 5;
const turnMs = 1;
const pollMs = 50;
const outstandingMax = 32 << 20;

const order = workerData as BatchOrder;
const control: BatchControl = order.control;
const port = parentPort as NonNullable<typeof parentPort>;
const tell = (message: BatchMessage, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

async function main(): Promise<void> {
  let socket: Socket;
  try {
    // A name that the compiler does not look up: the package may be missing.
    const name: string = 'koffi';
    const found = (await import(name)) as Foreign | { readonly default: Foreign };
    socket = openSocket('default' in found ? found.default : found);
  } catch (error) {
    return tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
  try {
    tell({ kind: 'open', port: socket.port });
    while (Atomics.load(control, at.stop) === 0) readTurns(socket);
    drain(socket);
    tell({ kind: 'drained' });
    // The main thread reads the kernel's count of drops while the socket is still there.
    while (Atomics.load(control, at.stop) < 2) Atomics.wait(control, at.stop, 1, 1000);
  } finally {
    socket.close();
  }
}

interface Socket {
  readonly port: number;
  /** Takes what the kernel holds, up to 128 datagrams: how many, -1 when there are none. */
  readonly receive: () => number;
  /** Waits until there is something, at most 50 ms. */
  readonly wait: () => void;
  readonly sizes: Uint32Array;
  readonly data: Uint8Array;
  readonly close: () => void;
}

function openSocket(foreign: Foreign): Socket {
  const c = foreign.load(null);
  const family = parseAddress(order.host, new Uint8Array(16)) === 4 ? ipv4 : ipv6;
  const fd = c.func('int socket(int, int, int)')(family, datagramSocket | closeOnExec, 0);
  const close = c.func('int close(int)');
  const checked = (result: number, what: string): void => {
    if (result >= 0) return;
    const errno = foreign.errno();
    close(fd);
    throw new Error(`${what}: error ${errno}`);
  };
  if (fd < 0) throw new Error('no socket');
  const set = c.func('int setsockopt(int, int, int, void*, uint32_t)');
  const option = (level: number, name: number, value: number): number => set(fd, level, name, Buffer.from(Int32Array.of(value).buffer), 4);
  // The first needs a privilege and is not held to net.core.rmem_max.
  if (option(socketLevel, receiveBufferForced, order.receiveBufferSize) < 0) option(socketLevel, receiveBuffer, order.receiveBufferSize);
  if (family === ipv6) checked(option(ipv6Level, ipv6Only, 0), 'setsockopt');
  const address = socketAddress(family, order.host, order.port);
  checked(c.func('int bind(int, void*, uint32_t)')(fd, address, address.length), 'bind');
  const addressSize = Buffer.from(Uint32Array.of(address.length).buffer);
  checked(c.func('int getsockname(int, void*, void*)')(fd, address, addressSize), 'getsockname');
  const data = Buffer.allocUnsafeSlow(slots * slotSize);
  const heads = headsOf(foreign, data);
  const recvmmsg = c.func('int recvmmsg(int, void*, uint32_t, int, void*)');
  const poll = c.func('int poll(void*, uint64_t, int)');
  const polled = Buffer.alloc(8);
  polled.writeInt32LE(fd, 0);
  polled.writeInt16LE(pollIn, 4);
  return {
    port: address.readUInt16BE(2),
    receive: () => recvmmsg(fd, heads.messages, slots, doNotWait, null),
    wait: () => {
      if (poll(polled, 1, pollMs) < 0 && foreign.errno() !== interrupted) Atomics.wait(control, at.stop, 0, pollMs);
    },
    sizes: heads.sizes,
    data,
    close: () => {
      close(fd);
      // The kernel wrote into them until now.
      heads.keep();
    },
  };
}

function socketAddress(family: number, host: string, number: number): Buffer {
  const raw = new Uint8Array(16);
  parseAddress(host, raw);
  const address = Buffer.alloc(family === ipv4 ? 16 : 28);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(number, 2);
  if (family === ipv4) address.set(raw.subarray(0, 4), 4);
  else address.set(raw, 8);
  return address;
}

function headsOf(foreign: Foreign, data: Uint8Array): { messages: Buffer; sizes: Uint32Array; keep: () => void } {
  const messages = Buffer.alloc(slots * 64);
  const vectors = Buffer.alloc(slots * 16);
  const [dataAt, vectorsAt] = [foreign.address(data), foreign.address(vectors)];
  for (let slot = 0; slot < slots; slot++) {
    vectors.writeBigUInt64LE(dataAt + BigInt(slot * slotSize), slot * 16);
    vectors.writeBigUInt64LE(BigInt(slotSize), slot * 16 + 8);
    messages.writeBigUInt64LE(vectorsAt + BigInt(slot * 16), slot * 64 + 16);
    messages.writeBigUInt64LE(1n, slot * 64 + 24);
  }
  const sizes = new Uint32Array(messages.buffer, messages.byteOffset, slots * 16);
  return { messages, sizes, keep: () => vectors.fill(0) };
}

const packed = new Uint8Array(packedMax + slots * (slotSize + 1));
const pending = { used: 0, datagrams: 0, size: 0 };

// Takes datagrams turn by turn while they come, sends what is packed, and waits when there are none.
function readTurns(socket: Socket): void {
  for (let turn = 0; turn < turnsMax; ) {
    const count = socket.receive();
    if (count <= 0) break;
    pack(socket, count);
    if (pending.used >= packedEnough) break;
    // A full read means that more is waiting: no pause then.
    if (count === slots) continue;
    turn++;
    Atomics.wait(control, at.stop, 0, turnMs);
  }
  const isIdle = pending.datagrams === 0;
  send();
  if (isIdle) socket.wait();
}

function pack({ sizes, data }: Socket, count: number): void {
  for (let slot = 0; slot < count; slot++) {
    const size = sizes[slot * 16 + 14] as number;
    const from = slot * slotSize;
    if (size <= 96) for (let byte = 0; byte < size; byte++) packed[pending.used + byte] = data[from + byte] as number;
    else packed.set(data.subarray(from, from + size), pending.used);
    pending.used += size;
    packed[pending.used++] = 10;
    pending.size += size;
  }
  pending.datagrams += count;
}

function send(): void {
  const { used, datagrams, size } = pending;
  if (datagrams === 0) return;
  const bytes = packed.slice(0, used).buffer;
  Object.assign(pending, { used: 0, datagrams: 0, size: 0 });
  Atomics.add(control, at.outstanding, used);
  tell({ kind: 'lines', bytes, datagrams, size }, [bytes]);
  // The main thread is behind: the kernel's buffer holds what it can.
  for (let held = used; held > outstandingMax; held = Atomics.load(control, at.outstanding))
    Atomics.wait(control, at.outstanding, held, 100);
}

// Three empty reads in a row mean that the kernel holds none.
function drain(socket: Socket): void {
  for (let quiet = 0; quiet < 3; ) {
    const count = socket.receive();
    if (count > 0) {
      pack(socket, count);
      if (pending.used >= packedEnough) send();
      quiet = 0;
    } else {
      quiet++;
      Atomics.wait(control, at.stop, 1, 1);
    }
  }
  send();
}

void main().then(collectBeforeLeaving);
