/** The kernels of both layouts beside their references: the same rows and the same rejects of whole and of damaged blocks. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FlowBatch } from '../base/flow-batch.js';
import { NfcapdKernel } from './nfcapd-kernel.js';
import { readOldRecords } from './nfcapd-old-records.js';
import { nfcapdColumns, readRecords } from './nfcapd-records.js';
import { exportersMax, NfcapdState } from './nfcapd-state.js';

const data = (name: string): string => fileURLToPath(new URL(`../../test/data/nfcapd/${name}`, import.meta.url));

/** Every column of every row that is there, and what was said. */
function textsOf(batch: FlowBatch, said: readonly string[]): readonly string[] {
  const rows: string[] = [];
  const steady = [
    ...[batch.firstSeconds, batch.firstNanos, batch.lastSeconds, batch.lastNanos, batch.family, batch.sport, batch.dport, batch.proto],
    ...[batch.flags, batch.tos, batch.packets, batch.bytes, batch.inIf, batch.outIf, batch.srcAs, batch.dstAs],
  ];
  for (let row = 0; row < batch.count; row++) {
    const parts = [
      steady.map((column) => column[row]).join(),
      ...[batch.src, batch.dst].map((column) => column.subarray(row * 16, row * 16 + 16).join()),
    ];
    for (const { name, column, width } of batch.present()) {
      const values = column.subarray(row * width, (row + 1) * width);
      if (values.some((value) => value !== 0)) parts.push(`${name} ${values.join()}`);
    }
    for (const [name, column] of batch.extra) if (column[row] !== '') parts.push(`${name} ${column[row]}`);
    rows.push(parts.sort().join('|'));
  }
  return [...rows, ...said];
}

function stateOf(said: string[], exporters: Uint8Array, rates: Uint32Array): NfcapdState {
  const options = {
    reject: ({ cause, message }: { cause: string; message: string }) => said.push(`${cause} ${message}`),
    notice: (text: string) => said.push(text),
    numberBefore: 0,
  };
  return new NfcapdState('FILE', options, true, exporters, rates);
}

function byKernel(block: Uint8Array, isOld: boolean): readonly string[] {
  const kernel = NfcapdKernel.lend(4 << 20);
  const said: string[] = [];
  const state = stateOf(said, kernel.exporters, kernel.rates);
  try {
    kernel.unpacked.set(block);
    const at = isOld ? kernel.readOld(0, block.length, state) : kernel.read(0, block.length, state);
    state.say();
    return textsOf(kernel.batch, [...said, `end ${at}`]);
  } finally {
    state.forget();
    kernel.giveBack();
  }
}

function byReference(block: Uint8Array, isOld: boolean): readonly string[] {
  const batch = new FlowBatch(16384, nfcapdColumns);
  const said: string[] = [];
  const state = stateOf(said, new Uint8Array(exportersMax * 16), new Uint32Array(exportersMax));
  const at = isOld ? readOldRecords(block, 0, batch, state) : readRecords(block, 0, batch, state);
  state.say();
  return textsOf(batch, [...said, `end ${at}`]);
}

for (const [name, isOld] of [
  ['v1-vendor-datagrams-none', true],
  ['v1-wechat-none', true],
  ['v2-vendor-datagrams-none', false],
  ['v2-wechat-none', false],
] as const) {
  test(`${name}: the kernel as its reference, whole and damaged`, () => {
    const file = readFileSync(data(`${name}.nfcapd`));
    const start = isOld ? 276 : 40;
    const whole = new Uint8Array(file.subarray(start + 12, start + 12 + file.readUInt32LE(start + 4)));
    assert.deepEqual(byKernel(whole, isOld), byReference(whole, isOld));
    let state = 5;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 80; round++) {
      const bent = whole.slice(0, round % 5 === 4 ? random(whole.length) : whole.length);
      for (let flips = 0; flips <= round % 40; flips++) if (bent.length > 0) bent[random(bent.length)] = random(3) === 0 ? 0 : random(256);
      assert.deepEqual(byKernel(bent, isOld), byReference(bent, isOld), `round ${round}`);
    }
  });
}
