import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FlowBatch } from '../base/flow-batch.js';
import { type PacketsDone, type PacketsOptions, packets } from './packets.js';
import { leastBytes } from './template.js';
import { spreadFlags } from './unfold.js';

interface Flow {
  first: number;
  durationMs: number;
  proto: number;
  host: number;
  packets: number;
  extra: number;
  flags: number;
  isV6: boolean;
}

const flowOf: fc.Arbitrary<Flow> = fc.record({
  first: fc.integer({ min: 0, max: 100_000 }),
  durationMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60_000 })),
  proto: fc.constantFrom(6, 6, 17, 1, 58, 47, 50, 2, 0),
  host: fc.integer({ min: 1, max: 6 }),
  packets: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
  extra: fc.integer({ min: 0, max: 4000 }),
  flags: fc.integer({ min: 0, max: 255 }),
  isV6: fc.boolean(),
});
const flowsOf = fc.array(flowOf, { minLength: 1, maxLength: 40 });

function bytesOf(flow: Flow): number {
  return flow.packets * leastBytes(flow.isV6 ? 6 : 4, flow.proto) + flow.extra;
}

async function* batchOf(flows: readonly Flow[]): AsyncGenerator<FlowBatch> {
  const batch = new FlowBatch(Math.max(1, flows.length));
  for (const [row, flow] of flows.entries()) {
    const last = flow.first + flow.durationMs;
    batch.firstSeconds[row] = 1000 + Math.floor(flow.first / 1000);
    batch.firstNanos[row] = (flow.first % 1000) * 1e6;
    batch.lastSeconds[row] = 1000 + Math.floor(last / 1000);
    batch.lastNanos[row] = (last % 1000) * 1e6;
    batch.family[row] = flow.isV6 ? 6 : 4;
    for (const [column, host] of [
      [batch.src, flow.host],
      [batch.dst, 200],
    ] as const) {
      column.set(flow.isV6 ? [0x20, 1, 0xd, 0xb8] : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0], row * 16);
      column[row * 16 + 15] = host;
    }
    batch.sport[row] = flow.proto === 6 || flow.proto === 17 ? 4000 + flow.host : 0;
    batch.dport[row] = flow.proto === 6 || flow.proto === 17 ? 443 : 2048;
    batch.proto[row] = flow.proto;
    batch.flags[row] = flow.flags;
    batch.packets[row] = flow.packets;
    batch.bytes[row] = bytesOf(flow);
    batch.number[row] = row + 1;
  }
  batch.count = flows.length;
  yield batch;
}

async function run(flows: readonly Flow[], options: PacketsOptions = {}): Promise<{ bytes: Buffer; done: PacketsDone }> {
  const parts: Buffer[] = [];
  const done = await packets(batchOf(flows), (bytes) => parts.push(Buffer.from(bytes)), { nano: true, ...options });
  return { bytes: Buffer.concat(parts), done };
}

interface Packet {
  time: bigint;
  frame: Buffer;
}

function parse(bytes: Buffer): Packet[] {
  assert.equal(bytes.readUInt32LE(0), 0xa1b23c4d);
  const found: Packet[] = [];
  for (let at = 24; at < bytes.length; ) {
    const kept = bytes.readUInt32LE(at + 8);
    assert.equal(bytes.readUInt32LE(at + 12), kept);
    found.push({
      time: BigInt(bytes.readUInt32LE(at)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(at + 4)),
      frame: bytes.subarray(at + 16, at + 16 + kept),
    });
    at += 16 + kept;
  }
  return found;
}

/** Ones' complement sum of whole 16-bit words, folded: ffff for a right header with its checksum in it. */
function folded(bytes: Buffer, seed = 0): number {
  let sum = seed;
  for (let at = 0; at < bytes.length; at += 2) sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : (bytes[at] ?? 0) * 256;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

const spacing = fc.constantFrom('even' as const, 'ends' as const, 'poisson' as const);

test('packets and bytes are conserved, and time never goes back', async () => {
  await fc.assert(
    fc.asyncProperty(flowsOf, spacing, async (flows, kind) => {
      const { bytes, done } = await run(flows, { spacing: kind });
      const made = parse(bytes);
      assert.equal(
        made.length,
        flows.reduce((sum, flow) => sum + flow.packets, 0),
      );
      assert.equal(
        made.reduce((sum, packet) => sum + packet.frame.length - 14, 0),
        flows.reduce((sum, flow) => sum + bytesOf(flow), 0),
      );
      assert.deepEqual([done.packets, done.flows], [made.length, flows.length]);
      assert.equal(
        done.bytes,
        flows.reduce((sum, flow) => sum + bytesOf(flow), 0),
      );
      for (let index = 1; index < made.length; index++) assert.ok(made[index]!.time >= made[index - 1]!.time);
      assert.equal(done.firstNs, made[0]?.time);
      assert.equal(done.lastNs, made.at(-1)?.time);
    }),
    { seed: 11, numRuns: 150 },
  );
});

test('packet i of n goes out at first + i*(last-first)/n with its share of the bytes, exactly', async () => {
  await fc.assert(
    fc.asyncProperty(flowOf, spacing, async (flow, kind) => {
      fc.pre(kind !== 'poisson');
      const made = parse((await run([flow], { spacing: kind })).bytes);
      const n = BigInt(flow.packets);
      const first = 1000n * 1_000_000_000n + BigInt(flow.first) * 1_000_000n;
      const total = BigInt(bytesOf(flow));
      const divisor = kind === 'ends' && n > 1n ? n - 1n : n;
      for (const [index, packet] of made.entries()) {
        const i = BigInt(index);
        assert.equal(packet.time, first + (i * BigInt(flow.durationMs) * 1_000_000n) / divisor);
        assert.equal(BigInt(packet.frame.length - 14), ((i + 1n) * total) / n - (i * total) / n);
      }
    }),
    { seed: 12, numRuns: 200 },
  );
});

test('lengths and checksums of every frame are right', async () => {
  await fc.assert(
    fc.asyncProperty(flowsOf, async (flows) => {
      for (const { frame } of parse((await run(flows)).bytes)) {
        const isV6 = frame.readUInt16BE(12) === 0x86dd;
        const headerAt = 14;
        const proto = isV6 ? frame[headerAt + 6]! : frame[headerAt + 9]!;
        if (isV6) assert.equal(frame.readUInt16BE(headerAt + 4), frame.length - 54);
        else {
          assert.equal(frame.readUInt16BE(headerAt + 2), frame.length - 14);
          assert.equal(folded(frame.subarray(headerAt, headerAt + 20)), 0xffff);
        }
        const body = frame.subarray(headerAt + (isV6 ? 40 : 20));
        const addresses = isV6 ? frame.subarray(headerAt + 8, headerAt + 40) : frame.subarray(headerAt + 12, headerAt + 20);
        const pseudo = folded(addresses, proto + body.length);
        if (proto === 6 || proto === 17 || (proto === 58 && isV6)) assert.equal(folded(body, pseudo), 0xffff, `protocol ${proto}`);
        if ((proto === 1 && !isV6) || proto === 2) assert.equal(folded(body), 0xffff, `protocol ${proto}`);
      }
    }),
    { seed: 13, numRuns: 100 },
  );
});

test('the same input and seed give the same bytes; another seed of poisson does not', async () => {
  const flows: Flow[] = Array.from({ length: 30 }, (_, index) => ({
    first: index * 50,
    durationMs: 5000,
    proto: 17,
    host: 1 + (index % 5),
    packets: 20,
    extra: 999,
    flags: 0,
    isV6: false,
  }));
  const once = await run(flows, { spacing: 'poisson', seed: 7 });
  const twice = await run(flows, { spacing: 'poisson', seed: 7 });
  const other = await run(flows, { spacing: 'poisson', seed: 8 });
  assert.ok(once.bytes.equals(twice.bytes));
  assert.ok(!once.bytes.equals(other.bytes));
});

test('shards concatenate to the whole run, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(flowsOf, spacing, fc.integer({ min: 1, max: 7 }), async (flows, kind, count) => {
      const whole = await run(flows, { spacing: kind });
      const parts: Buffer[] = [];
      let total = 0;
      let bytes = 0;
      for (let index = 1; index <= count; index++) {
        const part = await run(flows, { spacing: kind, shard: { index, count } });
        parts.push(part.bytes);
        total += part.done.packets;
        bytes += part.done.bytes;
      }
      assert.ok(Buffer.concat(parts).equals(whole.bytes));
      assert.deepEqual([total, bytes], [whole.done.packets, whole.done.bytes]);
    }),
    { seed: 14, numRuns: 80 },
  );
});

test('windows concatenate to the whole run, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(flowsOf, spacing, fc.array(fc.integer({ min: 0, max: 160_000 }), { maxLength: 4 }), async (flows, kind, cuts) => {
      const whole = await run(flows, { spacing: kind });
      const bounds = [
        0n,
        ...cuts.sort((left, right) => left - right).map((cut) => 1000_000_000_000n + BigInt(cut) * 1_000_000n),
        1n << 62n,
      ];
      const parts: Buffer[] = [];
      for (let index = 0; index + 1 < bounds.length; index++) {
        const part = await run(flows, { spacing: kind, fromNs: bounds[index]!, toNs: bounds[index + 1]! });
        parts.push(index === 0 ? part.bytes : part.bytes.subarray(24));
      }
      assert.ok(Buffer.concat(parts).equals(whole.bytes));
    }),
    { seed: 15, numRuns: 80 },
  );
});

test('shuffled input gives the same packets by time, size and 5-tuple, in order', async () => {
  const identity = ({ time, frame }: Packet): string =>
    `${time} ${frame.length} ${frame.subarray(12, 14).toString('hex')} ${frame.subarray(23, 38).toString('hex')}`;
  await fc.assert(
    fc.asyncProperty(
      flowsOf.chain((flows) => fc.tuple(fc.constant(flows), fc.shuffledSubarray(flows, { minLength: flows.length }))),
      async ([flows, shuffled]) => {
        const plain = (list: Packet[]): string[] =>
          list.map((packet) => identity({ time: packet.time, frame: maskVarying(packet.frame) })).sort();
        assert.deepEqual(plain(parse((await run(shuffled)).bytes)), plain(parse((await run(flows)).bytes)));
      },
    ),
    { seed: 16, numRuns: 60 },
  );
});

/** Without what hangs on the order of records of one tuple: checksums. */
function maskVarying(frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  copy.fill(0, 24, 26);
  return copy;
}

test('sorting through spill files gives the same bytes', async () => {
  const flows: Flow[] = Array.from({ length: 30_000 }, (_, index) => ({
    first: (index * 7919) % 99_991,
    durationMs: index % 3000,
    proto: index % 2 === 0 ? 6 : 17,
    host: 1 + (index % 200),
    packets: 1 + (index % 3),
    extra: index % 900,
    flags: 16,
    isV6: false,
  }));
  const inMemory = await run(flows, { snaplen: 'headers' });
  const spilled = await run(flows, { snaplen: 'headers', memoryBytes: 1 });
  assert.ok(inMemory.bytes.equals(spilled.bytes));
});

test('--sorted streams, and rejects a row that goes back', async () => {
  const flow: Flow = { first: 5000, durationMs: 10, proto: 17, host: 1, packets: 2, extra: 0, flags: 0, isV6: false };
  const { done } = await run([flow, { ...flow, first: 4000 }, { ...flow, first: 6000 }], { sorted: true });
  assert.deepEqual([done.flows, done.rejected], [2, { 'out-of-order': 1 }]);
});

test('flags of the packets together are the flags of the record; SYN comes first and only there', () => {
  for (let flags = 1; flags < 256; flags++) {
    const [first, middle, last] = spreadFlags(flags, 5);
    assert.equal(first | middle | last, flags, `flags ${flags}`);
    assert.equal(spreadFlags(flags, 2)[0] | spreadFlags(flags, 2)[2], flags, `two packets of flags ${flags}`);
    if (flags !== 2 && flags !== 18) assert.equal((middle | last) & 2, 0, `SYN later, flags ${flags}`);
    assert.equal(middle & 1, 0, `FIN in the middle, flags ${flags}`);
  }
});

test('sequence numbers go on from record to record of a tuple, and begin anew after the timeout or at a SYN', async () => {
  const flow: Flow = { first: 0, durationMs: 1000, proto: 6, host: 1, packets: 3, extra: 300, flags: 24, isV6: false };
  const sequences = async (second: Partial<Flow>): Promise<number[]> =>
    parse((await run([flow, { ...flow, first: 10_000, ...second }], { conversationTimeoutSeconds: 60 })).bytes).map(({ frame }) =>
      frame.readUInt32BE(38),
    );
  const goesOn = await sequences({});
  for (let index = 1; index < goesOn.length; index++) assert.equal(goesOn[index]! - goesOn[index - 1]!, 100);
  assert.ok(goesOn.every((sequence) => sequence < 2 ** 30 + 600));
  const late = await sequences({ first: 90_000 });
  assert.notEqual(late[3]! - late[2]!, 100);
  const anew = await sequences({ flags: 26 });
  assert.notEqual(anew[3]! - anew[2]!, 100);
});

test('each of many tuples goes on from its own record, while their tables grow and what is over leaves them', async () => {
  const one: Flow = { first: 0, durationMs: 0, proto: 6, host: 1, packets: 1, extra: 0, flags: 24, isV6: false };
  const round = (first: number, extra: number): Flow[] =>
    Array.from({ length: 20_000 }, (_, host) => ({
      ...one,
      first: first + (host >> 3),
      host,
      extra: extra === 0 ? 0 : 1 + (host % extra),
    }));
  // The first two rounds are one connection a tuple; the third comes after the timeout.
  const flows = [...round(0, 900), ...round(30_000, 0), ...round(95_000, 0)];
  const sequences = new Map<number, number[]>();
  for (const { frame } of parse((await run(flows, { conversationTimeoutSeconds: 60 })).bytes)) {
    const port = frame.readUInt16BE(34);
    sequences.set(port, [...(sequences.get(port) ?? []), frame.readUInt32BE(38)]);
  }
  assert.equal(sequences.size, 20_000);
  let anew = 0;
  for (const [port, [first = 0, second = 0, third = 0]] of sequences) {
    assert.equal(second - first, 1 + ((port - 4000) % 900));
    anew += third === second ? 0 : 1;
  }
  assert.equal(anew, 20_000);
});

test('a burst of one instant larger than any window comes out whole', async () => {
  const flow: Flow = { first: 0, durationMs: 0, proto: 17, host: 1, packets: 700_000, extra: 0, flags: 0, isV6: false };
  const { done } = await run([flow, { ...flow, host: 2, packets: 10 }], { snaplen: 'headers' });
  assert.equal(done.packets, 700_010);
});

test('--fit makes infeasible records possible and says so', async () => {
  const good: Flow = { first: 0, durationMs: 10, proto: 6, host: 1, packets: 3, extra: 0, flags: 16, isV6: false };
  const bad: Flow[] = [
    { ...good, durationMs: -5 },
    { ...good, packets: 0 },
    { ...good, extra: -50 },
  ];
  const plain = await run([good, ...bad]);
  assert.deepEqual([plain.done.flows, plain.done.rejected], [1, { 'negative-duration': 1, 'no-packets': 1, 'too-few-bytes': 1 }]);
  const fitted = await run([good, ...bad], { fit: true });
  assert.deepEqual([fitted.done.flows, fitted.done.rejected, fitted.done.adjusted], [4, {}, { fit: 3 }]);
  assert.equal(fitted.done.packets, 10);
});

test('a plan says what a run does', async () => {
  await fc.assert(
    fc.asyncProperty(flowsOf, spacing, async (flows, kind) => {
      const { done } = await run(flows, { spacing: kind });
      const plan = (await run(flows, { spacing: kind, dryRun: true })).done;
      assert.deepEqual(
        [plan.flows, plan.packets, plan.bytes, plan.peakOpenFlows, plan.outputBytes],
        [done.flows, done.packets, done.bytes, done.peakOpenFlows, done.outputBytes],
      );
      assert.equal(plan.lastNs, done.lastNs);
    }),
    { seed: 17, numRuns: 60 },
  );
});

test('what is declared sorted goes out before its end, with the bytes of the whole', async () => {
  const base: Flow = { first: 0, durationMs: 500, proto: 6, host: 1, packets: 3, extra: 90, flags: 24, isV6: false };
  const flows = Array.from({ length: 3000 }, (_, index) => ({ ...base, first: index * 100, host: 1 + (index % 200) }));
  const parts: Buffer[] = [];
  let writtenBeforeEnd = 0;
  async function* inBatches(): AsyncGenerator<FlowBatch> {
    for (let from = 0; from < flows.length; from += 100) {
      writtenBeforeEnd = Buffer.concat(parts).length;
      yield* batchOf(flows.slice(from, from + 100));
    }
  }
  const options: PacketsOptions = { nano: true, relative: true, sorted: true };
  const done = await packets(inBatches(), (bytes) => parts.push(Buffer.from(bytes)), options);
  const whole = await run(flows, { relative: true });
  assert.ok(writtenBeforeEnd > whole.bytes.length / 5, `${writtenBeforeEnd} of ${whole.bytes.length} bytes`);
  assert.ok(Buffer.concat(parts).equals(whole.bytes));
  assert.deepEqual([done.packets, done.peakOpenFlows], [whole.done.packets, whole.done.peakOpenFlows]);
});

test('relative times begin at the first packet, where times are drawn too', async () => {
  const flow: Flow = { first: 700, durationMs: 5000, proto: 17, host: 1, packets: 4, extra: 0, flags: 0, isV6: false };
  for (const kind of ['even', 'ends', 'poisson'] as const) {
    const made = parse((await run([flow], { relative: true, spacing: kind })).bytes);
    assert.equal(made[0]?.time, 0n, kind);
  }
});

test('a stream that is cut at --to is gated to its end', async () => {
  const flow: Flow = { first: 0, durationMs: 10, proto: 17, host: 1, packets: 2, extra: 0, flags: 0, isV6: false };
  const { done } = await run([flow, { ...flow, first: 90_000 }, { ...flow, first: 4000 }], { sorted: true, toNs: 1001_000_000_000n });
  assert.deepEqual([done.flows, done.rejected], [1, { 'out-of-order': 1 }]);
});
