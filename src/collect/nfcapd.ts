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
import {
  type BlockHead,
  type Blocks,
  blockHeadAt,
  blockHeadBytes,
  blocksOf,
  codecOf,
  oldHeaderBytes,
  openSource,
  type Source,
} from './nfcapd-file.js';
import { NfcapdKernel } from './nfcapd-kernel.js';
import { readOldRecords } from './nfcapd-old-records.js';
import { readRecords } from './nfcapd-records.js';
import { NfcapdState } from './nfcapd-state.js';
import { codecs, unpackBlock } from './nfcapd-unpack.js';

export const nfcapd: FlowFormat = { name: 'nfcapd', detect, read };

const dataBlock = 3;
const oldDataBlock = 2;
const notEncrypted = 2;
/**
 * Packed bytes of a file from which other cores are worth their start, by compression: BZ2 and ZSTD. LZO and LZ4 are unpacked here: handing a block
 * over and back takes longer than unpacking it.
 */
const worthBytes: Readonly<Record<number, number>> = { 2: 1 << 20, 4: 1 << 20 };

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
    if (!blocks.isOld && blocks.isLittle) kernel.readPart(options);
    try {
      const rows = yield* new BlockReader(source, blocks, kernel, state).batches();
      if (source.fault !== undefined) throw source.fault.error;
      return rows;
    } catch (error) {
      // That a stream is damaged is the cause of what is missing behind.
      throw source.fault === undefined ? error : source.fault.error;
    } finally {
      state.say();
      state.forget();
      kernel.giveBack();
    }
  } finally {
    source.close();
  }
}

/** A block that comes next: its head, undefined where the file ends within it, and its data if they are unpacked on another core. */
interface Coming {
  readonly at: number;
  readonly block: BlockHead | undefined;
  readonly unpacked: Promise<Uint8Array | Fault> | undefined;
}

class BlockReader {
  readonly #source: Source;
  readonly #blocks: Blocks;
  readonly #kernel: NfcapdKernel;
  readonly #state: NfcapdState;
  readonly #coming: Coming[] = [];
  readonly #ahead: number;
  #nextAt: number;
  #rows = 0;

  constructor(source: Source, blocks: Blocks, kernel: NfcapdKernel, state: NfcapdState) {
    this.#source = source;
    this.#blocks = blocks;
    this.#kernel = kernel;
    this.#state = state;
    this.#nextAt = blocks.firstBlock;
    const worth = worthBytes[blocks.compression] ?? Number.POSITIVE_INFINITY;
    this.#ahead = blocks.end - blocks.firstBlock < worth ? 0 : (state.options.unpackers?.ahead ?? 0);
  }

  /** The flows; answers how many data rows there were. */
  async *batches(): AsyncGenerator<FlowBatch, number> {
    const { batch } = this.#kernel;
    const file = this.#state.file;
    let blocks = 0;
    for (let coming = this.#take(); coming !== undefined; coming = this.#take()) {
      const { at, block } = coming;
      if (block === undefined) {
        if (batch.count > 0) yield batch;
        throw new Malformed('the file ends within a block header (what came before is used)', { file, offset: at });
      }
      const isCut = block.held < block.size;
      // Of a block that is cut, plain records can still be read; a compressed one is lost.
      if (isCut && codecOf(block, this.#blocks) !== 0) {
        if (batch.count > 0) yield batch;
        throw new Malformed(`a block of ${block.size} bytes goes beyond the end of the file: cut short (what came before is used)`, {
          file,
          offset: at,
        });
      }
      yield* this.#block(block, await coming.unpacked);
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
      throw new Malformed(`${blocks} blocks (expected ${this.#blocks.count}, as the header says): cut short`, {
        file,
        offset: this.#nextAt,
      });
    return this.#rows;
  }

  // The next block; those behind it are sent to be unpacked meanwhile.
  #take(): Coming | undefined {
    const { end, isLittle } = this.#blocks;
    while (this.#nextAt < end && this.#coming.length <= this.#ahead) {
      const at = this.#nextAt;
      const block = blockHeadAt(this.#source, at, end, isLittle);
      this.#coming.push({ at, block, unpacked: block === undefined ? undefined : this.#send(block) });
      this.#nextAt = block === undefined ? end : at + blockHeadBytes + block.size;
    }
    return this.#coming.shift();
  }

  #send(block: BlockHead): Promise<Uint8Array | Fault> | undefined {
    const codec = codecs[codecOf(block, this.#blocks)];
    const isWanted = this.#ahead > 0 && codec !== undefined && this.#isData(block) && !this.#isEncrypted(block);
    const { packed, unpacked } = this.#kernel;
    if (!isWanted || block.held < block.size || block.size > packed.length) return undefined;
    const data = this.#source.bytes(block.at + blockHeadBytes, block.size, new Uint8Array(block.size));
    return this.#state.options.unpackers?.unpack({ codec, packed: data, sizeMax: unpacked.length });
  }

  #isData({ type }: BlockHead): boolean {
    return type === (this.#blocks.isOld ? oldDataBlock : dataBlock);
  }

  #isEncrypted({ flags }: BlockHead): boolean {
    return this.#blocks.isEncrypted && (flags & notEncrypted) === 0;
  }

  *#block(block: BlockHead, ready: Uint8Array | Fault | undefined): Generator<FlowBatch> {
    const kernel = this.#kernel;
    const state = this.#state;
    state.blockOffset = block.at;
    if (!this.#isData(block)) {
      state.foreign(`records in blocks of type ${block.type}`, block.records);
      return;
    }
    if (this.#isEncrypted(block)) {
      this.#lose(block, 'encrypted', `encrypted; ${block.records} records are not read`);
      return;
    }
    const codec = codecOf(block, this.#blocks);
    const unpacked = ready ?? unpackBlock(this.#source, block.at + blockHeadBytes, block.held, codec, kernel);
    if (unpacked instanceof Fault)
      this.#lose(block, 'block', `${unpacked.message}; ${block.records} records are lost, the next block is read`);
    else {
      if (ready !== undefined) kernel.unpacked.set(unpacked);
      yield* this.#records(kernel.unpacked.subarray(0, unpacked.length), block.at);
    }
  }

  #lose(block: BlockHead, cause: string, message: string): void {
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
      if (this.#blocks.isOld && isLittle) offset = kernel.readOld(offset, unpacked.length, this.#state);
      else if (this.#blocks.isOld) offset = readOldRecords(unpacked, offset, batch, this.#state);
      else if (isLittle) offset = kernel.read(offset, unpacked.length, this.#state);
      else offset = readRecords(unpacked, offset, batch, this.#state);
      // Where numbers are not looked at, the last one is enough to go on from.
      const numbered = kernel.isPartial ? Math.max(before, batch.count - 1) : before;
      this.#rows += kernel.isPartial ? kernel.seen : batch.count - before;
      for (let row = numbered, number = options.numberBefore + this.#rows - (batch.count - numbered); row < batch.count; row++) {
        batch.number[row] = ++number;
        batch.place[row] = at;
      }
      if (batch.count === batch.capacity) {
        yield batch;
        kernel.clear(batch.capacity);
      }
    }
  }
}
