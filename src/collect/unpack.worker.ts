/** A worker of the pool that unpacks blocks of flow files (unpack-pool.ts): takes a block, gives its data or what is wrong with it. */

import { parentPort } from 'node:worker_threads';
import { BlockCodecs, slackBytes } from '../base/block-codecs.js';
import { Fault } from '../base/faults.js';
import type { PackedBlock, UnpackedBlock } from './unpack-pool.js';

const pageBytes = 65536;
let room = 0;
let memory: WebAssembly.Memory | undefined;
let codecs: BlockCodecs | undefined;

parentPort?.on('message', (block: PackedBlock) => {
  const unpacked = unpack(block);
  parentPort?.postMessage(unpacked, unpacked.data === undefined ? [] : [unpacked.data.buffer as ArrayBuffer]);
});

function unpack({ codec, packed, sizeMax }: PackedBlock): UnpackedBlock {
  const from = pageBytes + BlockCodecs.scratchBytes;
  const wanted = Math.max(sizeMax, packed.length) + slackBytes;
  if (memory === undefined || codecs === undefined || wanted > room) {
    room = wanted;
    memory = new WebAssembly.Memory({ initial: Math.ceil((from + 2 * room) / pageBytes) });
    codecs = new BlockCodecs(memory, pageBytes);
  }
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(packed, from);
  try {
    const size = codecs.unpack(codec, from, packed.length, from + room, sizeMax);
    return { data: bytes.slice(from + room, from + room + size) };
  } catch (error) {
    return { fault: error instanceof Fault ? error.message : String(error) };
  }
}
