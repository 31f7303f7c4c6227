/**
 * The LZ4 block format, decoded: sequences of a token, literals, and a match. Every length is checked against both buffers before it is used.
 *
 *     token u8: literal length (high 4 bits), match length - 4 (low 4); 15 means more bytes of 255 follow | literals | offset u16 LE | more match length
 *
 * Source: LZ4 Block Format Description (lz4_Block_format.md), 2022.
 */

import { Malformed } from './faults.js';

/** Decodes one block into `out`; returns how many bytes it gave. Throws Malformed with the offset of what is wrong. */
export function decodeLz4(input: Uint8Array, out: Uint8Array): number {
  let from = 0;
  let to = 0;
  while (from < input.length) {
    const token = input[from++]!;
    let length = token >> 4;
    if (length === 15) {
      let more = 255;
      while (more === 255) {
        if (from >= input.length) throw damaged(from);
        more = input[from++]!;
        length += more;
      }
    }
    if (from + length > input.length || to + length > out.length) throw damaged(from);
    for (let index = 0; index < length; index++) out[to++] = input[from++]!;
    if (from === input.length) return to;
    if (from + 2 > input.length) throw damaged(from);
    const offset = input[from]! | (input[from + 1]! << 8);
    from += 2;
    length = (token & 15) + 4;
    if ((token & 15) === 15) {
      let more = 255;
      while (more === 255) {
        if (from >= input.length) throw damaged(from);
        more = input[from++]!;
        length += more;
      }
    }
    if (offset === 0 || offset > to || to + length > out.length) throw damaged(from);
    for (let index = 0; index < length; index++, to++) out[to] = out[to - offset]!;
  }
  return to;
}

function damaged(offset: number): Malformed {
  return new Malformed(`damaged LZ4 block at its byte ${offset}`);
}
