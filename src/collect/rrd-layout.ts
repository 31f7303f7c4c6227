/**
 * How the machine that wrote an `.rrd` file lays it out: the file is its C structures as they lie in memory, so the width of `long`, the alignment
 * of `double` and the byte order are the machine's.
 *
 *     0   cookie      "RRD\0"
 *     4   version     "0003\0"
 *     9   padding     to the alignment of double: byte 12 (32 bit, aligned to 4: i386) or 16
 *     12 or 16        double 8.642135e130, from which byte order and alignment are known
 *     then            long sources, long archives, long step, ten fields of 8 bytes (aligned as double)
 *
 * A `double` may also lie with its two words exchanged (old ARM). 32-bit machines of late have a `time_t` of 64 bits, seen from the size of the file.
 */

import { Malformed, type Place } from '../base/faults.js';

export interface RrdLayout {
  readonly littleEndian: boolean;
  /** Width of `long`: 4 or 8. */
  readonly longBytes: 4 | 8;
  /** Alignment of `double`: 4 or 8. */
  readonly doubleAlign: 4 | 8;
  /** A double's two words lie exchanged. */
  readonly wordsExchanged: boolean;
}

const cookie = 'RRD\0';
const floatCookie = 8.642135e130;

/** The layout of the file that begins with `head` (at least 32 bytes); throws Malformed when it is no `.rrd` file. */
export function rrdLayout(head: DataView, place: Place): RrdLayout {
  const file = place.file ?? '';
  for (let index = 0; index < cookie.length; index++) {
    if (head.getUint8(index) !== cookie.charCodeAt(index))
      throw new Malformed('not an RRD file (expected it to begin with RRD and a zero byte, or with <?xml)', { file, offset: index });
  }
  for (const at of [16, 12] as const) {
    for (const littleEndian of [true, false]) {
      for (const wordsExchanged of [false, true]) {
        if (readDouble(head, at, littleEndian, wordsExchanged) !== floatCookie) continue;
        if (at === 12) return { littleEndian, longBytes: 4, doubleAlign: 4, wordsExchanged };
        // The long after the cookie is the count of sources: of 64 bits, its upper half is zero; of 32 bits, the word there is a count that is not.
        const upper = head.getUint32(littleEndian ? 28 : 24, littleEndian);
        return { littleEndian, longBytes: upper === 0 ? 8 : 4, doubleAlign: 8, wordsExchanged };
      }
    }
  }
  throw new Malformed('an RRD file of an unknown machine (the number 8.642135e130 is neither at byte 12 nor at byte 16)', {
    file,
    offset: 12,
  });
}

export function readDouble(view: DataView, offset: number, littleEndian: boolean, wordsExchanged: boolean): number {
  if (!wordsExchanged) return view.getFloat64(offset, littleEndian);
  const whole = new DataView(new ArrayBuffer(8));
  whole.setUint32(0, view.getUint32(offset + 4, littleEndian), littleEndian);
  whole.setUint32(4, view.getUint32(offset, littleEndian), littleEndian);
  return whole.getFloat64(0, littleEndian);
}

/** Turns `count` doubles in `bytes` (aligned) from the file's layout into this machine's (little-endian) in place, bits of NaN included. */
export function toNativeDoubles(bytes: Uint8Array, layout: RrdLayout): Float64Array {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  if (!layout.littleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).swap64();
  if (layout.wordsExchanged) exchangeWords(words);
  return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 3);
}

function exchangeWords(words: Uint32Array): void {
  for (let index = 0; index + 1 < words.length; index += 2) {
    const first = words[index] ?? 0;
    words[index] = words[index + 1] ?? 0;
    words[index + 1] = first;
  }
}

/** What the file is called in messages: `32 bit aligned to 4, little-endian`. */
export function layoutText(layout: RrdLayout): string {
  const width = layout.longBytes === 8 ? '64 bit' : `32 bit aligned to ${layout.doubleAlign}`;
  return `${width}, ${layout.littleEndian ? 'little' : 'big'}-endian${layout.wordsExchanged ? ', words exchanged' : ''}`;
}
