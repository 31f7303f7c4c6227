/**
 * LZO1X decoded in WebAssembly, for blocks of flow files: `lzo.ts` says what the format is and is the reference. Every length is checked
 * against both buffers before it is used.
 */

let from: usize = 0;
let fromEnd: usize = 0;
let to: usize = 0;
let toEnd: usize = 0;
let failed: bool = false;

/** Decodes [input, inputEnd) into [output, outputEnd); the bytes it gave, or -1 - the offset of what is wrong. Up to 16 bytes behind the result are overwritten, within outputEnd. */
export function decodeLzo(input: usize, inputEnd: usize, output: usize, outputEnd: usize): i32 {
  from = input;
  fromEnd = inputEnd;
  to = output;
  toEnd = outputEnd;
  failed = false;
  // How many literals came before: 0, 1-3, or 4 for more.
  let state: usize = 0;
  if (from < fromEnd && load<u8>(from) > 17) {
    const count = <usize>load<u8>(from++) - 17;
    if (!literals(count)) return -1 - <i32>(from - input);
    state = min<usize>(count, 4);
  }
  while (true) {
    if (from >= fromEnd) return -1 - <i32>(from - input);
    const t = <usize>load<u8>(from++);
    let distance: usize;
    let length: usize;
    let last: usize;
    if (t < 16) {
      if (state == 0) {
        if (!literals(t == 0 ? extended(18) : t + 3) || failed) return -1 - <i32>(from - input);
        state = 4;
        continue;
      }
      if (from >= fromEnd) return -1 - <i32>(from - input);
      last = t;
      distance = (<usize>load<u8>(from++) << 2) + (t >> 2) + (state == 4 ? 2049 : 1);
      length = state == 4 ? 3 : 2;
    } else if (t >= 64) {
      if (from >= fromEnd) return -1 - <i32>(from - input);
      last = t;
      distance = (<usize>load<u8>(from++) << 3) + ((t >> 2) & 7) + 1;
      length = (t >> 5) + 1;
    } else {
      const bits: usize = t >= 32 ? 31 : 7;
      length = (t & bits) == 0 ? extended(bits + 2) : (t & bits) + 2;
      if (failed || fromEnd - from < 2 || from > fromEnd) return -1 - <i32>(from - input);
      const word = <usize>load<u16>(from);
      last = word & 255;
      from += 2;
      if (t >= 32) distance = (word >> 2) + 1;
      else {
        distance = 16384 + ((t & 8) << 11) + (word >> 2);
        if (distance == 16384) return <i32>(to - output);
      }
    }
    if (distance > to - output || length > toEnd - to) return -1 - <i32>(from - input);
    copyMatch(distance, length);
    state = last & 3;
    if (state != 0 && !literals(state)) return -1 - <i32>(from - input);
  }
}

function literals(count: usize): bool {
  if (from > fromEnd || count > fromEnd - from || count > toEnd - to) return false;
  if (count + 16 <= fromEnd - from && count + 16 <= toEnd - to) {
    v128.store(to, v128.load(from));
    for (let done: usize = 16; done < count; done += 16) v128.store(to + done, v128.load(from + done));
  } else memory.copy(to, from, count);
  from += count;
  to += count;
  return true;
}

function extended(base: usize): usize {
  let length = base;
  while (from < fromEnd && load<u8>(from) == 0) {
    length += 255;
    from++;
  }
  if (from >= fromEnd) {
    failed = true;
    return 0;
  }
  return length + <usize>load<u8>(from++);
}

// @ts-ignore: decorator
@inline
function copyMatch(distance: usize, length: usize): void {
  const end = to + length;
  if (length + 16 > toEnd - to || distance < 8) {
    while (to < end) {
      store<u8>(to, load<u8>(to - distance));
      to++;
    }
  } else if (distance >= 16) {
    for (let at = to; at < end; at += 16) v128.store(at, v128.load(at - distance));
  } else {
    for (let at = to; at < end; at += 8) store<u64>(at, load<u64>(at - distance));
  }
  to = end;
}
