/**
 * Groups of flows with their sums, in WebAssembly: open addressing over keys of a fixed number of 32-bit words. `flow-table.ts` lays out the
 * memory and hands over rows a part at a time.
 *
 *   DIRECTORY  u32 address of each chunk of 4096 groups, in the order in which groups appeared
 *   group      | 0 f64 flows | 8 f64 packets | 16 f64 bytes | 24 u64 first ns | 32 u64 last ns | 40 key, to 8 | in a wide table f64 packets, f64 bytes back |
 *              small ones are 64 bytes, a line of the cache
 *   slot       | u32 hash | u32 address of the group / 8, 0: none |      at most three quarters full; the place is given by the upper bits of the hash
 *
 *   DIRECT     u32 address / 8 of the group of each key below 65536, where keys are one word: those are found without a hash
 *
 * Doubling moves slots by their hash alone, in order, without a look at the groups. Rows are taken 32 at a time: their slots and groups are
 * touched before they are worked on, so that the waits for memory overlap.
 */

export const DIRECTORY: usize = 65536;
const directoryEntries: u32 = 65536;
const TAGS: usize = 1024;
const SWAPPED: usize = 2048;
const KEY: usize = 40;
const directKeys: u32 = 65536;
const chunkGroups: u32 = 4096;
const ahead: u32 = 32;
const page: usize = 65536;

let keyBytes: usize = 0;
let groupBytes: usize = 0;
// Place of the sums that go back in a group; 0 in a narrow table.
let backAt: usize = 0;
let direct: usize = 0;
let groups: u32 = 0;
let slots: usize = 0;
let slotBits: u32 = 0;
let heap: usize = 0;
// What doubled slots left behind is given out as chunks.
let spare: usize = 0;
let spareEnd: usize = 0;
let touched: u32 = 0;

/** Begins with keys of `words` words; the heap lies from `at` on. `isWide`: groups hold what goes back, too. Answers the bytes of a group. */
export function begin(words: u32, at: usize, isWide: bool): u32 {
  keyBytes = <usize>words << 2;
  groupBytes = (KEY + keyBytes + 7) & ~7;
  backAt = isWide ? groupBytes : 0;
  if (isWide) groupBytes += 16;
  groupBytes = max(groupBytes, 64);
  groups = 0;
  heap = at;
  slotBits = 12;
  slots = take((<usize>1 << slotBits) << 3);
  direct = words == 1 ? take(<usize>directKeys << 2) : 0;
  return <u32>groupBytes;
}

/** Groups so far. */
export function groupCount(): u32 {
  return groups;
}

/** Adds `rows` rows; `counts`: 0 where a row is one flow, `back`, `backBytes`: 0 where nothing goes back, as in every narrow table. False: there is no memory for as many groups. */
export function fold(
  rows: u32,
  keys: usize,
  counts: usize,
  packets: usize,
  bytes: usize,
  back: usize,
  backBytes: usize,
  first: usize,
  firstNanos: usize,
  last: usize,
  lastNanos: usize,
  isBothWays: bool,
): bool {
  if (!reserve(rows)) return false;
  for (let start: u32 = 0; start < rows; start += ahead) {
    const end = min(start + ahead, rows);
    if (direct == 0) touch(keys + <usize>start * keyBytes, end - start);
    for (let row = start; row < end; row++) {
      const key = keys + <usize>row * keyBytes;
      const by8 = <usize>row << 3;
      const by4 = <usize>row << 2;
      let tag: u32 = 0;
      let group: usize = 0;
      if (direct != 0 && load<u32>(key) < directKeys) group = <usize>load<u32>(direct + (<usize>load<u32>(key) << 2)) << 3;
      else {
        tag = direct == 0 ? load<u32>(TAGS + (<usize>(row - start) << 2)) : hashOf(key);
        group = find(key, tag);
      }
      let isReverse = false;
      if (group == 0 && isBothWays) {
        group = findSwapped(key);
        isReverse = group != 0;
      }
      if (group == 0) group = insert(key, tag);
      add(group, isReverse ? backAt : 8, load<f64>(packets + by8), load<f64>(bytes + by8));
      if (back != 0) add(group, isReverse ? 8 : backAt, load<f64>(back + by8), load<f64>(backBytes + by8));
      store<f64>(group, load<f64>(group) + (counts == 0 ? 1 : max(load<f64>(counts + by8), 1)));
      span(group, nanosOf(first + by4, firstNanos + by4), nanosOf(last + by4, lastNanos + by4));
    }
  }
  return true;
}

/** Adds groups of another table, `size` bytes each, which lie one after the other from `at` on; those of a wide table want one. False: there is no memory for them. */
export function absorb(at: usize, count: u32, size: usize, isWide: bool, isBothWays: bool): bool {
  if (!reserve(count)) return false;
  for (let index: u32 = 0; index < count; index++, at += size) {
    const isDirect = direct != 0 && load<u32>(at, KEY) < directKeys;
    let tag: u32 = 0;
    let group: usize = 0;
    if (isDirect) group = <usize>load<u32>(direct + (<usize>load<u32>(at, KEY) << 2)) << 3;
    else {
      tag = hashOf(at + KEY);
      group = find(at + KEY, tag);
    }
    let isReverse = false;
    if (group == 0 && isBothWays) {
      group = findSwapped(at + KEY);
      isReverse = group != 0;
    }
    if (group == 0) group = insert(at + KEY, tag);
    store<f64>(group, load<f64>(group) + load<f64>(at));
    add(group, isReverse ? backAt : 8, load<f64>(at, 8), load<f64>(at, 16));
    if (isWide) add(group, isReverse ? 8 : backAt, load<f64>(at + backAt), load<f64>(at + backAt, 8));
    span(group, load<u64>(at, 24), load<u64>(at, 32));
  }
  return true;
}

// Hashes of the next rows, their slots and their groups looked at.
function touch(keys: usize, rows: u32): void {
  const shift = 32 - slotBits;
  for (let row: u32 = 0; row < rows; row++) {
    const tag = hashOf(keys + <usize>row * keyBytes);
    store<u32>(TAGS + (<usize>row << 2), tag);
    touched ^= load<u32>(slots + (<usize>(tag >> shift) << 3));
  }
  for (let row: u32 = 0; row < rows; row++) {
    const tag = load<u32>(TAGS + (<usize>row << 2));
    const group = <usize>load<u32>(slots + (<usize>(tag >> shift) << 3), 4) << 3;
    touched ^= load<u32>(group) ^ load<u32>(group + groupBytes - 4);
    if (groupBytes > 64) touched ^= load<u32>(group, 64);
  }
}

// @ts-ignore: decorator
@inline
function nanosOf(seconds: usize, nanos: usize): u64 {
  return <u64>load<u32>(seconds) * 1000000000 + <u64>load<u32>(nanos);
}

// @ts-ignore: decorator
@inline
function add(group: usize, at: usize, packets: f64, bytes: f64): void {
  store<f64>(group + at, load<f64>(group + at) + packets);
  store<f64>(group + at, load<f64>(group + at, 8) + bytes, 8);
}

// @ts-ignore: decorator
@inline
function span(group: usize, first: u64, last: u64): void {
  if (first < load<u64>(group, 24)) store<u64>(group, first, 24);
  if (last > load<u64>(group, 32)) store<u64>(group, last, 32);
}

// @ts-ignore: decorator
@inline
function hashOf(key: usize): u32 {
  let hash: u64 = 0x9e3779b97f4a7c15;
  let at: usize = 0;
  for (; at + 8 <= keyBytes; at += 8) {
    hash = (hash ^ load<u64>(key + at)) * 0xd6e8feb86659fd93;
    hash ^= hash >> 32;
  }
  if (at < keyBytes) hash = (hash ^ <u64>load<u32>(key + at)) * 0xd6e8feb86659fd93;
  hash ^= hash >> 29;
  return <u32>((hash * 0x9e3779b97f4a7c15) >> 32);
}

// The group of a key, or 0.
// @ts-ignore: decorator
@inline
function find(key: usize, tag: u32): usize {
  const mask = (<u32>1 << slotBits) - 1;
  let slot = tag >> (32 - slotBits);
  let group: usize = 0;
  do {
    const at = slots + (<usize>slot << 3);
    group = <usize>load<u32>(at, 4) << 3;
    if (load<u32>(at) == tag && group != 0 && isSame(group + KEY, key)) break;
    slot = (slot + 1) & mask;
  } while (group != 0);
  return group;
}

// @ts-ignore: decorator
@inline
function isSame(left: usize, right: usize): bool {
  let at: usize = 0;
  for (; at + 8 <= keyBytes; at += 8) if (load<u64>(left + at) != load<u64>(right + at)) return false;
  return at == keyBytes || load<u32>(left + at) == load<u32>(right + at);
}

// Of a key of 4 words source, 4 destination, ports and protocol: the group of the opposite direction, for TCP and UDP.
function findSwapped(key: usize): usize {
  const proto = load<u32>(key, 40);
  if (proto != 6 && proto != 17) return 0;
  v128.store(SWAPPED, v128.load(key, 16));
  v128.store(SWAPPED, v128.load(key), 16);
  store<u32>(SWAPPED, load<u32>(key, 36), 32);
  store<u32>(SWAPPED, load<u32>(key, 32), 36);
  store<u32>(SWAPPED, proto, 40);
  return find(SWAPPED, hashOf(SWAPPED));
}

// Room was reserved.
function insert(key: usize, tag: u32): usize {
  const group = <usize>load<u32>(DIRECTORY + (<usize>(groups / chunkGroups) << 2)) + <usize>(groups % chunkGroups) * groupBytes;
  groups++;
  memory.fill(group, 0, groupBytes);
  store<u64>(group, u64.MAX_VALUE, 24);
  memory.copy(group + KEY, key, keyBytes);
  if (direct != 0 && load<u32>(key) < directKeys) store<u32>(direct + (<usize>load<u32>(key) << 2), <u32>(group >> 3));
  else put(tag, <u32>(group >> 3));
  return group;
}

// @ts-ignore: decorator
@inline
function put(tag: u32, entry: u32): void {
  const mask = (<u32>1 << slotBits) - 1;
  let slot = tag >> (32 - slotBits);
  while (load<u32>(slots + (<usize>slot << 3), 4) != 0) slot = (slot + 1) & mask;
  store<u32>(slots + (<usize>slot << 3), tag);
  store<u32>(slots + (<usize>slot << 3), entry, 4);
}

// Slots and chunks for so many more groups.
function reserve(more: u32): bool {
  const wanted = <u64>groups + <u64>more;
  if (wanted > <u64>chunkGroups * directoryEntries) return false;
  while (wanted * 4 > <u64>3 << slotBits) if (!double()) return false;
  const chunkBytes = <usize>chunkGroups * groupBytes;
  for (let chunk = (groups + chunkGroups - 1) / chunkGroups; <u64>chunk * chunkGroups < wanted; chunk++) {
    const held = DIRECTORY + (<usize>chunk << 2);
    if (load<u32>(held) != 0) continue;
    let at: usize = 0;
    if (spareEnd - spare >= chunkBytes) {
      at = spare;
      spare += chunkBytes;
    } else at = take(chunkBytes);
    if (at == 0) return false;
    store<u32>(held, <u32>at);
  }
  return true;
}

function double(): bool {
  const old = slots;
  const oldBytes = (<usize>1 << slotBits) << 3;
  if (slotBits >= 28) return false;
  const at = take(oldBytes << 1);
  if (at == 0) return false;
  slots = at;
  slotBits++;
  for (let slot: usize = 0; slot < oldBytes; slot += 8) {
    const entry = load<u32>(old + slot, 4);
    if (entry != 0) put(load<u32>(old + slot), entry);
  }
  spare = old;
  spareEnd = old + oldBytes;
  return true;
}

// Memory that is all zero, or 0 when there is no more.
function take(size: usize): usize {
  const at = (heap + 63) & ~63;
  const have = <usize>memory.size() * page;
  // The last pages stay out of reach, so that no address wraps.
  if (size > 0xfff00000 - at) return 0;
  if (at + size > have) {
    const pages = <i32>((at + size - have + page - 1) / page);
    // An eighth more each time, so that growing is seldom.
    if (memory.grow(max(pages, memory.size() / 8)) < 0 && memory.grow(pages) < 0) return 0;
  }
  heap = at + size;
  return at;
}
