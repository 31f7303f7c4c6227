/**
 * bzip2 streams decoded in WebAssembly, for blocks of flow files. Every length, table and place that comes from the stream is checked before it is used,
 * checksums too. Randomised blocks, which no program has written since 1999, are refused.
 *
 *     stream   "BZh" level '1'-'9' | blocks | 48 bits 177245385090 | 32 bits checksum over the blocks'
 *     block    48 bits 314159265359 | 32 checksum | 1 randomised | 24 place of the original | 16 + 16 x 16 symbols in use | 3 tables | 15 selectors
 *              | selectors, moved to front, in unary | code lengths, as differences | symbols, 50 a selector: runs of the front symbol, places, end
 *
 *     SCRATCH  0 u32 x 900,000 transform | then selectors, code lengths, limits, bases, permutations, symbols, front, counts, checksum table
 *
 * Source: the bzip2 format as its author's bzip2 1.0.8 documents and writes it (J. Seward), and M. Burrows, D. Wheeler, "A block-sorting lossless
 * data compression algorithm", 1994.
 */

const selectorsMax: u32 = 18002;
const longestCode: u32 = 20;
const SELECTORS: usize = 3600000;
const LENGTHS: usize = SELECTORS + 18008;
const LIMITS: usize = LENGTHS + 6 * 264;
const BASES: usize = LIMITS + 6 * 96;
const PERMUTATIONS: usize = BASES + 6 * 96;
const SHORTEST: usize = PERMUTATIONS + 6 * 528;
const SYMBOLS: usize = SHORTEST + 8;
const FRONT: usize = SYMBOLS + 256;
const COUNTS: usize = FRONT + 256;
const CHECKS: usize = COUNTS + 1028;

let scratch: usize = 0;
let at: usize = 0;
let atEnd: usize = 0;
let held: u64 = 0;
let heldBits: u32 = 0;
let failed: bool = false;
let symbolCount: u32 = 0;
let tableCount: u32 = 0;
let selectorCount: u32 = 0;
let selector: u32 = 0;
let left: u32 = 0;
let blockCount: u32 = 0;
let check: u32 = 0;

/** Bytes of scratch that `decodeBzip2` wants. */
export function scratchBytes(): u32 {
  return <u32>(CHECKS + 1024);
}

/** Decodes [from, fromEnd) into [to, toEnd); the bytes it gave, or -1 - the offset of what is wrong. */
export function decodeBzip2(from: usize, fromEnd: usize, to: usize, toEnd: usize, scratchAt: usize): i32 {
  scratch = scratchAt;
  at = from;
  atEnd = fromEnd;
  held = 0;
  heldBits = 0;
  failed = false;
  fillChecks();
  const out = to;
  let all: u32 = 0;
  const level = read(24) == 0x425a68 ? read(8) - 0x30 : 0;
  if (level < 1 || level > 9) return -1 - <i32>(at - from);
  while (true) {
    const high = read(24);
    const low = read(24);
    const stored = (read(16) << 16) | read(16);
    if (failed) return -1 - <i32>(at - from);
    if (high == 0x177245 && low == 0x385090) return stored == all ? <i32>(to - out) : -1 - <i32>(at - from);
    if (high != 0x314159 || low != 0x265359 || read(1) != 0) return -1 - <i32>(at - from);
    const origin = read(24);
    if (!readTables() || !readSymbols(level * 100000) || origin >= blockCount) return -1 - <i32>(at - from);
    to = writeBlock(origin, to, toEnd);
    if (failed || ~check != stored) return -1 - <i32>(at - from);
    all = rotl<u32>(all, 1) ^ stored;
  }
}

// Up to 24 bits.
function read(count: u32): u32 {
  while (heldBits < count) {
    if (at >= atEnd) {
      failed = true;
      return 0;
    }
    held = (held << 8) | <u64>load<u8>(at++);
    heldBits += 8;
  }
  heldBits -= count;
  return <u32>(held >> heldBits) & ((1 << count) - 1);
}

function readTables(): bool {
  const groups = read(16);
  symbolCount = 0;
  for (let group: u32 = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) == 0) continue;
    const used = read(16);
    for (let bit: u32 = 0; bit < 16; bit++) {
      if ((used & (0x8000 >> bit)) == 0) continue;
      store<u8>(scratch + SYMBOLS + <usize>symbolCount, <u8>(group * 16 + bit));
      symbolCount++;
    }
  }
  tableCount = read(3);
  selectorCount = read(15);
  if (failed || symbolCount == 0 || tableCount < 2 || tableCount > 6 || selectorCount == 0) return false;
  return readSelectors() && readLengths();
}

function readSelectors(): bool {
  // The order of the tables, a byte each.
  let order: u64 = 0x050403020100;
  for (let index: u32 = 0; index < selectorCount; index++) {
    let place: u32 = 0;
    while (read(1) == 1) if (++place >= tableCount) return false;
    if (failed) return false;
    const table = (order >> (place << 3)) & 0xff;
    const below = order & ((<u64>1 << (place << 3)) - 1);
    const above = place == 5 ? 0 : (order >> ((place + 1) << 3)) << ((place + 1) << 3);
    order = above | (below << 8) | table;
    if (index < selectorsMax) store<u8>(scratch + SELECTORS + <usize>index, <u8>table);
  }
  selectorCount = min<u32>(selectorCount, selectorsMax);
  return true;
}

function readLengths(): bool {
  for (let table: u32 = 0; table < tableCount; table++) {
    let length = read(5);
    const lengths = scratch + LENGTHS + <usize>(table * 264);
    for (let symbol: u32 = 0; symbol < symbolCount + 2; symbol++) {
      while (true) {
        if (failed || length < 1 || length > longestCode) return false;
        if (read(1) == 0) break;
        if (read(1) == 0) length++;
        else length--;
      }
      if (failed) return false;
      store<u8>(lengths + <usize>symbol, <u8>length);
    }
    fillTable(table);
  }
  return true;
}

// Codes of a length are consecutive: the last of each, and what to take off to have the place of its symbol.
function fillTable(table: u32): void {
  const lengths = scratch + LENGTHS + <usize>(table * 264);
  const limits = scratch + LIMITS + <usize>(table * 96);
  const bases = scratch + BASES + <usize>(table * 96);
  const permutation = scratch + PERMUTATIONS + <usize>(table * 528);
  let shortest = longestCode;
  let place: usize = 0;
  let code: i32 = 0;
  for (let length: u32 = 1; length <= longestCode; length++) {
    const first = place;
    for (let symbol: u32 = 0; symbol < symbolCount + 2; symbol++) {
      if (<u32>load<u8>(lengths + <usize>symbol) == length) store<u16>(permutation + (place++ << 1), <u16>symbol);
    }
    if (place > first && length < shortest) shortest = length;
    store<i32>(bases + <usize>(length << 2), code - <i32>first);
    code += <i32>(place - first);
    store<i32>(limits + <usize>(length << 2), code - 1);
    code <<= 1;
  }
  store<u8>(scratch + SHORTEST + <usize>table, <u8>shortest);
}

// The next symbol of the block; sets `failed` where there is none.
function nextSymbol(): u32 {
  if (left == 0) {
    if (selector >= selectorCount) {
      failed = true;
      return 0;
    }
    selector++;
    left = 50;
  }
  left--;
  const table = <u32>load<u8>(scratch + SELECTORS + <usize>selector - 1);
  const limits = scratch + LIMITS + <usize>(table * 96);
  let length = <u32>load<u8>(scratch + SHORTEST + <usize>table);
  let code = <i32>read(length);
  while (code > load<i32>(limits + <usize>(length << 2))) {
    if (++length > longestCode || failed) {
      failed = true;
      return 0;
    }
    code = (code << 1) | <i32>read(1);
  }
  const place = code - load<i32>(scratch + BASES + <usize>(table * 96) + <usize>(length << 2));
  if (place < 0 || place >= <i32>symbolCount + 2) {
    failed = true;
    return 0;
  }
  return <u32>load<u16>(scratch + PERMUTATIONS + <usize>(table * 528) + <usize>(place << 1));
}

function readSymbols(blockMax: u32): bool {
  memory.fill(scratch + COUNTS, 0, 1028);
  memory.copy(scratch + FRONT, scratch + SYMBOLS, 256);
  selector = 0;
  left = 0;
  blockCount = 0;
  const end = symbolCount + 1;
  let symbol = nextSymbol();
  while (!failed && symbol != end) {
    let value: u8;
    let run: u32 = 1;
    if (symbol < 2) {
      // A run's length in digits of one and two, the lowest first.
      run = 0;
      let weight: u32 = 1;
      while (!failed && symbol < 2) {
        if (weight > 1 << 20) return false;
        run += weight << symbol;
        weight <<= 1;
        symbol = nextSymbol();
      }
      value = load<u8>(scratch + FRONT);
    } else {
      const place = <usize>symbol - 1;
      value = load<u8>(scratch + FRONT + place);
      memory.copy(scratch + FRONT + 1, scratch + FRONT, place);
      store<u8>(scratch + FRONT, value);
      symbol = nextSymbol();
    }
    if (run > blockMax - blockCount) return false;
    const counted = scratch + COUNTS + <usize>(<u32>value << 2);
    store<u32>(counted, load<u32>(counted) + run);
    for (; run > 0; run--) store<u32>(scratch + <usize>(blockCount++ << 2), <u32>value);
  }
  return !failed;
}

// Undoes the transform and the runs of four; answers where it ends, and sets `check`.
function writeBlock(origin: u32, to: usize, toEnd: usize): usize {
  let sum: u32 = 0;
  for (let value: usize = 0; value < 256; value++) {
    const counted = scratch + COUNTS + (value << 2);
    const count = load<u32>(counted);
    store<u32>(counted, sum);
    sum += count;
  }
  for (let index: u32 = 0; index < blockCount; index++) {
    const value = <usize>load<u8>(scratch + <usize>(index << 2));
    const counted = scratch + COUNTS + (value << 2);
    const place = load<u32>(counted);
    store<u32>(counted, place + 1);
    const entry = scratch + <usize>(place << 2);
    store<u32>(entry, load<u32>(entry) | (index << 8));
  }
  check = 0xffffffff;
  let next = load<u32>(scratch + <usize>(origin << 2)) >> 8;
  let before: u32 = 256;
  let same: u32 = 0;
  for (let index: u32 = 0; index < blockCount; index++) {
    const entry = load<u32>(scratch + <usize>(next << 2));
    next = entry >> 8;
    const value = entry & 0xff;
    let times: u32 = 1;
    if (same == 4) {
      times = value;
      same = 0;
    } else if (value == before) same++;
    else {
      before = value;
      same = 1;
    }
    if (<usize>times > toEnd - to) {
      failed = true;
      return to;
    }
    for (; times > 0; times--) {
      store<u8>(to++, <u8>before);
      check = (check << 8) ^ load<u32>(scratch + CHECKS + <usize>(((check >> 24) ^ before) << 2));
    }
    if (same == 0) before = 256;
  }
  return to;
}

// CRC-32 with the highest bit first, polynomial 04c11db7.
function fillChecks(): void {
  for (let value: u32 = 0; value < 256; value++) {
    let rest = value << 24;
    for (let bit = 0; bit < 8; bit++) rest = (rest << 1) ^ (rest >> 31 != 0 ? 0x04c11db7 : 0);
    store<u32>(scratch + CHECKS + <usize>(value << 2), rest);
  }
}
