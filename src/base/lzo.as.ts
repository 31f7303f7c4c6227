/**
 * LZO1X decoded in WebAssembly, for blocks of flow files: `lzo.ts` says what the format is and is the reference. Every length is checked
 * against both buffers before it is used; copies go in steps of 8 and 16 bytes where both buffers have the room.
 */

/** Decodes [input, inputEnd) into [output, outputEnd); the bytes it gave, or -1 - the offset of what is wrong. Up to 16 bytes behind the result are overwritten, within outputEnd. */
export function decodeLzo(input: usize, inputEnd: usize, output: usize, outputEnd: usize): i32 {
  let from = input;
  let to = output;
  // How many literals came before: 0, 1-3, or 4 for more.
  let state: usize = 0;
  if (from < inputEnd && load<u8>(from) > 17) {
    const count = <usize>load<u8>(from++) - 17;
    if (count > inputEnd - from || count > outputEnd - to) return -1 - <i32>(from - input);
    memory.copy(to, from, count);
    from += count;
    to += count;
    state = min<usize>(count, 4);
  }
  while (true) {
    if (from >= inputEnd) return -1 - <i32>(from - input);
    const t = <usize>load<u8>(from++);
    let distance: usize;
    let length: usize;
    let last = t;
    if (t >= 64) {
      if (from >= inputEnd) return -1 - <i32>(from - input);
      distance = (<usize>load<u8>(from++) << 3) + ((t >> 2) & 7) + 1;
      length = (t >> 5) + 1;
    } else if (t >= 16) {
      const bits: usize = t >= 32 ? 31 : 7;
      length = t & bits;
      if (length == 0) {
        for (length = bits; from < inputEnd && load<u8>(from) == 0; from++) length += 255;
        if (from >= inputEnd) return -1 - <i32>(from - input);
        length += <usize>load<u8>(from++);
      }
      length += 2;
      if (inputEnd - from < 2) return -1 - <i32>(from - input);
      const word = <usize>load<u16>(from);
      from += 2;
      last = word & 255;
      distance = (word >> 2) + 1;
      if (t < 32) {
        distance += 16383 + ((t & 8) << 11);
        if (distance == 16384) return <i32>(to - output);
      }
    } else if (state != 0) {
      if (from >= inputEnd) return -1 - <i32>(from - input);
      distance = (<usize>load<u8>(from++) << 2) + (t >> 2) + (state == 4 ? 2049 : 1);
      length = state == 4 ? 3 : 2;
    } else {
      length = t;
      if (t == 0) {
        for (length = 15; from < inputEnd && load<u8>(from) == 0; from++) length += 255;
        if (from >= inputEnd) return -1 - <i32>(from - input);
        length += <usize>load<u8>(from++);
      }
      length += 3;
      if (length > inputEnd - from || length > outputEnd - to) return -1 - <i32>(from - input);
      copyLiterals(from, inputEnd, to, outputEnd, length);
      from += length;
      to += length;
      state = 4;
      continue;
    }
    if (distance > to - output || length > outputEnd - to) return -1 - <i32>(from - input);
    copyMatch(to, distance, length, outputEnd);
    to += length;
    state = last & 3;
    if (state > inputEnd - from || state > outputEnd - to) return -1 - <i32>(from - input);
    if (inputEnd - from >= 4 && outputEnd - to >= 4) store<u32>(to, load<u32>(from));
    else for (let index: usize = 0; index < state; index++) store<u8>(to + index, load<u8>(from + index));
    from += state;
    to += state;
  }
}

// @ts-ignore: decorator
@inline
function copyLiterals(from: usize, fromEnd: usize, to: usize, toEnd: usize, count: usize): void {
  if (count + 16 > fromEnd - from || count + 16 > toEnd - to) {
    memory.copy(to, from, count);
    return;
  }
  for (let done: usize = 0; done < count; done += 16) v128.store(to + done, v128.load(from + done));
}

// A match may overlap what it writes: then it repeats. Steps are no longer than the distance.
// @ts-ignore: decorator
@inline
function copyMatch(to: usize, distance: usize, length: usize, toEnd: usize): void {
  const end = to + length;
  if (length + 16 > toEnd - to) {
    for (; to < end; to++) store<u8>(to, load<u8>(to - distance));
  } else if (distance >= 16) {
    for (; to < end; to += 16) v128.store(to, v128.load(to - distance));
  } else if (distance >= 8) {
    for (; to < end; to += 8) store<u64>(to, load<u64>(to - distance));
  } else {
    // Eight bytes one by one, then eight at a time from the last place of at least that distance where the same stands.
    for (let index: usize = 0; index < 8; index++) store<u8>(to + index, load<u8>(to + index - distance));
    const step = distance * ((7 + distance) / distance);
    for (to += 8; to < end; to += 8) store<u64>(to, load<u64>(to - step));
  }
}
