/**
 * LZO1X, decoded. A first byte above 17 begins with literals; then instructions by their first byte t:
 *
 *     t < 16    after no literals: 3 + length literals (0 goes on in zero bytes); after 1-3 literals: match of 2 within 1 KiB; after >= 4: match of 3, 2 KiB back
 *     t 16-31   match of 2 + (t & 7), 16-48 KiB back; distance 16384 alone ends the stream
 *     t 32-63   match of 2 + (t & 31), within 16 KiB
 *     t >= 64   match of 2 + (t >> 5) - 1 + 2, within 2 KiB
 *
 * The low two bits of the last distance byte say how many literals follow. Every length is checked against both buffers.
 * Source: the Linux kernel's Documentation/staging/lzo.rst, "LZO stream format as understood by Linux's LZO decompressor".
 */

import { Malformed } from './faults.js';

/** Decodes one stream into `out`; returns how many bytes it gave. Throws Malformed where the stream is damaged. */
export function decodeLzo(input: Uint8Array, out: Uint8Array): number {
  let from = 0;
  let to = 0;
  const need = (condition: boolean): void => {
    if (!condition) throw new Malformed(`damaged LZO block at its byte ${from}`);
  };
  const literals = (count: number): void => {
    need(from + count <= input.length && to + count <= out.length);
    for (let index = 0; index < count; index++) out[to++] = input[from++]!;
  };
  const match = (distance: number, length: number): void => {
    need(distance <= to && to + length <= out.length);
    for (let index = 0; index < length; index++, to++) out[to] = out[to - distance]!;
  };
  const extended = (base: number): number => {
    let length = base;
    while (input[from] === 0) {
      length += 255;
      from++;
    }
    need(from < input.length);
    return length + input[from++]!;
  };
  // How many literals came before: 0, 1-3, or 4 for more.
  let state = 0;
  if (input.length > 0 && input[0]! > 17) {
    const count = input[from++]! - 17;
    literals(count);
    state = Math.min(count, 4);
  }
  for (;;) {
    need(from < input.length);
    const t = input[from++]!;
    let distance: number;
    let length: number;
    let last: number;
    if (t < 16) {
      if (state === 0) {
        literals(t === 0 ? extended(18) : t + 3);
        state = 4;
        continue;
      }
      need(from < input.length);
      last = t;
      distance = (input[from++]! << 2) + (t >> 2) + (state === 4 ? 2049 : 1);
      length = state === 4 ? 3 : 2;
    } else if (t >= 64) {
      need(from < input.length);
      last = t;
      distance = (input[from++]! << 3) + ((t >> 2) & 7) + 1;
      length = (t >> 5) + 1;
    } else {
      const bits = t >= 32 ? 31 : 7;
      length = (t & bits) === 0 ? extended(bits + 2) : (t & bits) + 2;
      need(from + 2 <= input.length);
      const word = input[from]! | (input[from + 1]! << 8);
      last = input[from]!;
      from += 2;
      if (t >= 32) distance = (word >> 2) + 1;
      else {
        distance = 16384 + ((t & 8) << 11) + (word >> 2);
        if (distance === 16384) return to;
      }
    }
    match(distance, length);
    state = last & 3;
    literals(state);
  }
}
