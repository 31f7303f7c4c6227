/**
 * Blocks of files unpacked within one memory of WebAssembly: LZO, LZ4 and BZ2 by kernels of our own, ZSTD by a package. What is damaged, or larger unpacked
 * than there is room, is refused; a block cannot ask for more memory than it may fill.
 *
 * Of a ZSTD frame the heads are walked before anything is allocated: magic fd2fb528 | descriptor | window | size of the content | blocks, each of
 * | 1 bit last, 2 bits type (raw, run, compressed), 21 bits size |. Source: RFC 8878, section 3.1.1.
 */

import { readFileSync } from 'node:fs';
import { decompress } from 'fzstd';
import { Malformed } from './faults.js';

export type Codec = 'LZO' | 'BZ2' | 'LZ4' | 'ZSTD';

type Decode = (from: number, fromEnd: number, to: number, toEnd: number, scratch: number) => number;

/** Bytes that unpacked data may run over its end, and that a memory has to have there. */
export const slackBytes = 64;
const zstdBlockBytes = 131072;

const modules = new Map<string, WebAssembly.Module>();

/** The exports of a kernel in this room or another, in the given memory. */
export function kernelIn(memory: WebAssembly.Memory, url: URL): Record<string, unknown> {
  let module = modules.get(url.href);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(url));
    modules.set(url.href, module);
  }
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}

export class BlockCodecs {
  /** Bytes of scratch that the codecs want in the memory. */
  static readonly scratchBytes = 3_800_000;
  readonly #memory: WebAssembly.Memory;
  readonly #scratch: number;
  readonly #decoders = new Map<Codec, Decode>();

  constructor(memory: WebAssembly.Memory, scratchAt: number) {
    this.#memory = memory;
    this.#scratch = scratchAt;
  }

  /** Unpacks `size` bytes at `from` to `to`, at most `sizeMax` of them; answers how many they are. Throws Malformed where they are damaged. */
  unpack(codec: Codec, from: number, size: number, to: number, sizeMax: number): number {
    if (codec === 'ZSTD') return this.#zstd(from, size, to, sizeMax);
    const got = this.#decoder(codec)(from, from + size, to, to + sizeMax, this.#scratch);
    if (got < 0) throw new Malformed(`damaged ${codec} block at its byte ${-1 - got}`);
    return got;
  }

  #decoder(codec: Exclude<Codec, 'ZSTD'>): Decode {
    let decode = this.#decoders.get(codec);
    if (decode === undefined) {
      const [file, name] = ({ LZO: ['lzo', 'decodeLzo'], BZ2: ['bzip2', 'decodeBzip2'], LZ4: ['lz4', 'decodeLz4'] } as const)[codec];
      decode = kernelIn(this.#memory, new URL(`${file}.wasm`, import.meta.url))[name] as Decode;
      this.#decoders.set(codec, decode);
    }
    return decode;
  }

  #zstd(from: number, size: number, to: number, sizeMax: number): number {
    const bytes = new Uint8Array(this.#memory.buffer);
    const packed = bytes.subarray(from, from + size);
    checkZstd(packed, sizeMax);
    let data: Uint8Array;
    try {
      data = decompress(packed);
    } catch (error) {
      throw new Malformed(`damaged ZSTD block: ${error instanceof Error ? error.message : 'unknown'}`, {}, error);
    }
    if (data.length > sizeMax) throw new Malformed(`a block of ${data.length} bytes unpacked (expected at most ${sizeMax})`);
    bytes.set(data, to);
    return data.length;
  }
}

/** Throws Malformed unless the bytes are one frame that cannot unpack to much more than `sizeMax`. */
function checkZstd(packed: Uint8Array, sizeMax: number): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const need = (condition: boolean, what: string): void => {
    if (!condition) throw new Malformed(`damaged ZSTD block: ${what}`);
  };
  need(packed.length >= 9 && view.getUint32(0, true) === 0xfd2fb528, 'no frame');
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  let at = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  need(at + sizeBytes + 3 <= packed.length, 'its head is cut');
  if (!isSingle) need(2 ** (10 + (view.getUint8(5) >> 3)) <= 128 << 20, 'its window is too large');
  if (sizeBytes === 4) need(view.getUint32(at, true) <= sizeMax, 'its content is too large');
  if (sizeBytes === 8) need(view.getBigUint64(at, true) <= BigInt(sizeMax), 'its content is too large');
  at += sizeBytes;
  // Raw and run blocks are of the size they say, compressed ones of at most 128 KiB.
  let most = 0;
  for (let isLast = false; !isLast; ) {
    need(at + 3 <= packed.length, 'it is cut');
    const head = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    isLast = (head & 1) !== 0;
    const type = (head >> 1) & 3;
    const size = head >> 3;
    need(type < 3, 'a block of no known type');
    most += type === 2 ? zstdBlockBytes : size;
    need(most <= sizeMax + (64 << 20), 'its content is too large');
    at += 3 + (type === 1 ? 1 : size);
  }
  need(at + ((descriptor & 4) !== 0 ? 4 : 0) === packed.length, 'it does not end with its frame');
}
