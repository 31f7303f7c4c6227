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
    for (; to < end; to++) store<u8>(to, load<u8>(to - offset));
  }
}
