/**
 * nfcapd files of nfdump 1.7 (layout 2) and 1.6 (layout 1), read natively, of machines of both byte orders. The outside is drawn in nfcapd-file.ts,
 * records in nfcapd-records.ts and nfcapd-old-records.ts; between them lie blocks:
 *
 *     block  | 0 u32 records | 4 u32 size | 8 u16 type | 10 u16 flags |     12 bytes, then the (compressed) data
 *
 * Type 3 (layout 1: 2) holds records. Flag 1 of a block: not compressed; 2: not encrypted (layout 1: not looked at).
 * A block that cannot be read is said with its offset and the next is read; an unfinished file is read as far as it goes; what no flow is made of is
 * said with its count. Facts from the file format of nfdump (phaag/nfdump, nffileV2.h); no code is taken from it.
 */

import { Fault, Malformed } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import type { FlowFormat, Input, ReadOptions } from './format.js';
import { appendixStatistics, type Blocks, blocksOf, oldHeaderBytes, oldStatistics, openSource, type Source } from './nfcapd-file.js';
import { NfcapdKernel } from './nfcapd-kernel.js';
import { readOldRecords } from './nfcapd-old-records.js';
import { readRecords } from './nfcapd-records.js';
import { NfcapdState } from './nfcapd-state.js';
import { unpackBlock } from './nfcapd-unpack.js';

export const nfcapd: FlowFormat = { name: 'nfcapd', detect, read };

const blockHeaderBytes = 12;
const dataBlock = 3;
const oldDataBlock = 2;
const [notCompressed, notEncrypted] = [1, 2];

function detect(head: Uint8Array): boolean {
  const isLittle = head[0] === 0x0c && head[1] === 0xa5;
  return (
    head.length >= 4 && (isLittle ? head[3] === 0 && head[2] !== 0 : head[0] === 0xa5 && head[1] === 0x0c && head[2] === 0 && head[3] !== 0)
  );
}

async function* read(input: Input, options: ReadOptions): AsyncGenerator<FlowBatch, number> {
  const source = await openSource(input);
  try {
    const head = source.bytes(0, Math.min(source.size, oldHeaderBytes));
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const blocks = blocksOf(view, source.size, input.file);
    const kernel = NfcapdKernel.lend(blocks.sizeMax);
    const state = new NfcapdState(input.file, options, blocks.isLittle, kernel.exporters, kernel.rates);
    try {
      const rows = yield* new BlockReader(source, blocks, kernel, state).batches();
      const figures = blocks.isOld ? oldStatistics(view, blocks.isLittle) : statisticsOf(source, blocks, kernel);
      if (figures !== undefined && blocks.count !== undefined) options.statistics?.(figures);
      return rows;
    } finally {
      state.say();
      state.forget();
      kernel.giveBack();
    }
  } finally {
    source.close();
  }
}

/** The head of a block. */
interface Block {
  readonly at: number;
  readonly records: number;
  /** Bytes of its data, and how many of them the file has. */
  readonly size: number;
  readonly held: number;
  readonly type: number;
  readonly flags: number;
}

class BlockReader {
  readonly #source: Source;
  readonly #blocks: Blocks;
  readonly #kernel: NfcapdKernel;
  readonly #state: NfcapdState;
  #rows = 0;

  constructor(source: Source, blocks: Blocks, kernel: NfcapdKernel, state: NfcapdState) {
    this.#source = source;
    this.#blocks = blocks;
    this.#kernel = kernel;
    this.#state = state;
  }

  /** The flows; answers how many data rows there were. */
  async *batches(): AsyncGenerator<FlowBatch, number> {
    const { batch } = this.#kernel;
    const file = this.#state.file;
    let at = this.#blocks.firstBlock;
    let blocks = 0;
    while (at < this.#blocks.end) {
      const block = this.#headAt(at);
      if (block === undefined) {
        if (batch.count > 0) yield batch;
        throw new Malformed('the file ends within a block header (what came before is used)', { file, offset: at });
      }
      const isCut = block.held < block.size;
      // Of a block that is cut, plain records can still be read; a compressed one is lost.
      if (isCut && this.#codecOf(block) !== 0) {
        if (batch.count > 0) yield batch;
        throw new Malformed(`a block of ${block.size} bytes goes beyond the end of the file: cut short (what came before is used)`, {
          file,
          offset: at,
        });
      }
      yield* this.#block(block);
      at += blockHeaderBytes + block.size;
      blocks++;
      if (isCut) {
        if (batch.count > 0) yield batch;
        throw new Malformed('the file ends within a block (what came before is used)', { file, offset: this.#blocks.end });
      }
    }
    if (batch.count > 0) yield batch;
    if (this.#blocks.count === undefined)
      this.#state.options.notice(`${file}: its writer did not finish it: read as far as it goes, ${blocks} blocks`);
    else if (blocks < this.#blocks.count)
      throw new Malformed(`${blocks} blocks (expected ${this.#blocks.count}, as the header says): cut short`, { file, offset: at });
    return this.#rows;
  }

  #headAt(at: number): Block | undefined {
    const { end, isLittle } = this.#blocks;
    if (at + blockHeaderBytes > end) return undefined;
    const head = this.#source.bytes(at, blockHeaderBytes);
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const size = view.getUint32(4, isLittle);
    return {
      at,
      records: view.getUint32(0, isLittle),
      size,
      held: Math.min(size, end - at - blockHeaderBytes),
      type: view.getUint16(8, isLittle),
      flags: view.getUint16(10, isLittle),
    };
  }

  #codecOf(block: Block): number {
    return (block.flags & notCompressed) !== 0 ? 0 : this.#blocks.compression;
  }

  *#block(block: Block): Generator<FlowBatch> {
    const { isOld, isEncrypted } = this.#blocks;
    const state = this.#state;
    state.blockOffset = block.at;
    if (block.type !== (isOld ? oldDataBlock : dataBlock)) {
      state.foreign(`records in blocks of type ${block.type}`, block.records);
      return;
    }
    if (isEncrypted && (block.flags & notEncrypted) === 0) {
      this.#lose(block, 'encrypted', `encrypted; ${block.records} records are not read`);
      return;
    }
    const unpacked = unpackBlock(this.#source, block.at + blockHeaderBytes, block.held, this.#codecOf(block), this.#kernel);
    if (unpacked instanceof Fault)
      this.#lose(block, 'block', `${unpacked.message}; ${block.records} records are lost, the next block is read`);
    else yield* this.#records(unpacked, block.at);
  }

  #lose(block: Block, cause: string, message: string): void {
    const { file, options } = this.#state;
    options.reject({ file, offset: block.at, cause, count: block.records, original: `block of ${block.size} bytes`, message });
    this.#rows += block.records;
  }

  *#records(unpacked: Uint8Array, at: number): Generator<FlowBatch> {
    const kernel = this.#kernel;
    const { batch } = kernel;
    const { options, isLittle } = this.#state;
    for (let offset = 0; offset < unpacked.length; ) {
      const before = batch.count;
      if (this.#blocks.isOld) offset = readOldRecords(unpacked, offset, batch, this.#state);
      else if (isLittle && unpacked.buffer === kernel.unpacked.buffer) offset = kernel.read(offset, unpacked.length, this.#state);
      else offset = readRecords(unpacked, offset, batch, this.#state);
      // Of counters alone, the last number is enough to go on from.
      const numbered = options.wanted === undefined ? before : Math.max(before, batch.count - 1);
      this.#rows += numbered - before;
      for (let row = numbered; row < batch.count; row++) {
        batch.number[row] = options.numberBefore + ++this.#rows;
        batch.place[row] = at;
      }
      if (batch.count === batch.capacity) {
        yield batch;
        kernel.clear(batch.capacity);
      }
    }
  }
}

// Those of layout 2 stand in the block behind all others.
function statisticsOf(source: Source, blocks: Blocks, kernel: NfcapdKernel): ReturnType<typeof appendixStatistics> {
  const { end, isLittle } = blocks;
  if (end + blockHeaderBytes > source.size) return undefined;
  const head = source.bytes(end, blockHeaderBytes);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const size = view.getUint32(4, isLittle);
  if (end + blockHeaderBytes + size > source.size || blocks.isEncrypted) return undefined;
  const codec = (view.getUint16(10, isLittle) & notCompressed) !== 0 ? 0 : blocks.compression;
  const data = unpackBlock(source, end + blockHeaderBytes, size, codec, kernel);
  return data instanceof Fault ? undefined : appendixStatistics(data, isLittle);
}
