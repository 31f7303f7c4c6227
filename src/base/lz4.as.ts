/**
 * The LZ4 block format decoded in WebAssembly, for blocks of flow files: `lz4.ts` says what the format is and is the reference. Copies go in
 * steps of 16 bytes where both buffers have the room, and byte by byte at their ends; every length is checked before it is used.
 */

/** Decodes [from, fromEnd) into [to, toEnd); the bytes it gave, or -1 - the offset of what is wrong. Up to 32 bytes behind the result are overwritten, within toEnd. */
export function decodeLz4(from: usize, fromEnd: usize, to: usize, toEnd: usize): i32 {
  const start = from;
  const out = to;
  while (from < fromEnd) {
    const token = <usize>load<u8>(from++);
    let length = token >> 4;
    // Most sequences are short: 14 literals and 18 of the match at most, copied whole where both buffers have the room.
    if (length != 15 && (token & 15) != 15 && fromEnd - from >= 32 && toEnd - to >= 64) {
      v128.store(to, v128.load(from));
      from += length;
      to += length;
      const distance = <usize>load<u16>(from);
      from += 2;
      length = (token & 15) + 4;
      if (distance == 0 || distance > to - out) return -1 - <i32>(from - start);
      if (distance >= 8) {
        const match = to - distance;
        store<u64>(to, load<u64>(match));
        store<u64>(to, load<u64>(match, 8), 8);
        store<u16>(to, load<u16>(match, 16), 16);
      } else copyMatch(to, distance, length, toEnd);
      to += length;
      continue;
    }
    if (length == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (from >= fromEnd) return -1 - <i32>(from - start);
        more = load<u8>(from++);
        length += more;
      }
    }
    if (length > fromEnd - from || length > toEnd - to) return -1 - <i32>(from - start);
    if (length + 16 <= fromEnd - from && length + 16 <= toEnd - to) {
      v128.store(to, v128.load(from));
      for (let done: usize = 16; done < length; done += 16) v128.store(to + done, v128.load(from + done));
    } else memory.copy(to, from, length);
    from += length;
    to += length;
    if (from == fromEnd) return <i32>(to - out);
    if (fromEnd - from < 2) return -1 - <i32>(from - start);
    const offset = <usize>load<u16>(from);
    from += 2;
    length = (token & 15) + 4;
    if ((token & 15) == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (from >= fromEnd) return -1 - <i32>(from - start);
        more = load<u8>(from++);
        length += more;
      }
    }
    if (offset == 0 || offset > to - out || length > toEnd - to) return -1 - <i32>(from - start);
    copyMatch(to, offset, length, toEnd);
    to += length;
  }
  return <i32>(to - out);
}

// A match may overlap what it writes: then it repeats. Steps are no longer than the distance.
// @ts-ignore: decorator
@inline
function copyMatch(to: usize, offset: usize, length: usize, toEnd: usize): void {
  const end = to + length;
  if (length + 16 > toEnd - to) {
    for (; to < end; to++) store<u8>(to, load<u8>(to - offset));
  } else if (offset >= 16) {
    for (; to < end; to += 16) v128.store(to, v128.load(to - offset));
  } else if (offset >= 8) {
    for (; to < end; to += 8) store<u64>(to, load<u64>(to - offset));
  } else {
    // Eight bytes one by one, then eight at a time from the last place of at least that distance where the same stands.
    for (let index: usize = 0; index < 8; index++) store<u8>(to + index, load<u8>(to + index - offset));
    const step = offset * ((7 + offset) / offset);
    for (to += 8; to < end; to += 8) store<u64>(to, load<u64>(to - step));
  }
}

const hashBits: u32 = 14;

/**
 * Encodes [from, fromEnd) into `to`; the bytes written. `table` is 64 KiB of scratch; `to` must hold size + size/255 + 32 bytes and what
 * follows `fromEnd` must be readable. Greedy: the last place with the same hash of four bytes is the match that is tried.
 */
export function encodeLz4(from: usize, fromEnd: usize, to: usize, table: usize): i32 {
  memory.fill(table, 0, (<usize>4) << hashBits);
  const out = to;
  const start = from;
  let anchor = from;
  // The format: the last match begins at least 12 bytes before the end, the last 5 bytes are literals.
  const matchLimit = fromEnd - start > 12 ? fromEnd - 12 : start;
  let misses: usize = 0;
  while (from < matchLimit) {
    const word = load<u32>(from);
    const slot = table + (<usize>((word * 2654435761) >> (32 - hashBits)) << 2);
    const candidate = start + <usize>load<u32>(slot);
    store<u32>(slot, <u32>(from - start));
    if (candidate >= from || from - candidate > 65535 || load<u32>(candidate) != word) {
      // What does not repeat is passed over faster and faster.
      from += 1 + (misses++ >> 6);
      continue;
    }
    misses = 0;
    let length: usize = 4;
    const most = fromEnd - 5 - from;
    while (length + 8 <= most) {
      const difference = load<u64>(from + length) ^ load<u64>(candidate + length);
      if (difference != 0) {
        length += <usize>(ctz(difference) >> 3);
        break;
      }
      length += 8;
    }
    while (length < most && load<u8>(from + length) == load<u8>(candidate + length)) length++;
    to = putSequence(to, anchor, from - anchor, length);
    store<u16>(to, <u16>(from - candidate));
    to = putLength(to + 2, length - 4);
    from += length;
    anchor = from;
  }
  to = putSequence(to, anchor, fromEnd - anchor, 4);
  return <i32>(to - out);
}

// Token and literals; `length` is that of the match that follows.
function putSequence(to: usize, anchor: usize, literals: usize, length: usize): usize {
  store<u8>(to++, <u8>((min<usize>(literals, 15) << 4) | min<usize>(length - 4, 15)));
  to = putLength(to, literals);
  memory.copy(to, anchor, literals);
  return to + literals;
}

// What of a length of 15 and more the token does not hold.
function putLength(to: usize, length: usize): usize {
  if (length < 15) return to;
  length -= 15;
  for (; length >= 255; length -= 255) store<u8>(to++, 255);
  store<u8>(to++, <u8>length);
  return to;
}
