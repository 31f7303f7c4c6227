/**
 * A tally on bytes: an open-addressing table whose keys stay bytes in an arena, by group (a list of a period). The counting kernel
 * `count-lines.as.ts` includes it; `line-counter.ts` lays out its memory. Linear probing, at most half full, doubled by placing the
 * entries of the arena anew. Places are taken by a 64-bit multiplicative hash; equal keys are told by their bytes.
 *
 *   SLOTS    u32 upper half of the hash, u32 entry/8 (0: empty)         ARENA    entries, 8-aligned:
 *     +--------------+------------+-----------+----------------------------+
 *     | count  f64   | group u32  | size u32  | key, zero-padded to 8      |
 *     +--------------+------------+-----------+----------------------------+
 */

export const STATE: usize = 1024;
const SLOTS: usize = 0x1000000;
export const SLOT_MASK: usize = 20;
const SLOT_MAX: usize = 24; // slots at most
export const ENTRIES: usize = 28;
export const ARENA_AT: usize = 32; // u32
export const ARENA_END: usize = 36; // u32
const ARENA_START: usize = 84; // u32

/** Adds to the count of a key of a group; false: there is no room. */
export function insert(group: i32, at: usize, size: i32, count: f64): bool {
  if (<usize>load<u32>(STATE + ARENA_AT) + <usize>size + 32 > <usize>load<u32>(STATE + ARENA_END)) return false;
  if (load<i32>(STATE + ENTRIES) * 2 + 2 > load<i32>(STATE + SLOT_MASK) && !grow()) return false;
  add(group, at, size, count);
  return true;
}

/** The count of a key of a group. */
export function countOf(group: i32, at: usize, size: i32): f64 {
  const slot = slotOf(group, at, size, hashOf(group, at, size));
  const entry = load<u32>(slot + 4);
  return entry == 0 ? 0 : load<f64>(<usize>entry << 3);
}

// @ts-ignore: decorator
@inline
function tailOf(at: usize, size: i32): u64 {
  return load<u64>(at) & (((<u64>1) << ((<u64>size) << 3)) - 1);
}

function hashOf(group: i32, at: usize, size: i32): u64 {
  let hash: u64 = (<u64>group + 1) * 0x9e3779b97f4a7c15 ^ <u64>size;
  let from = at;
  let left = size;
  for (; left >= 8; left -= 8, from += 8) {
    hash = (hash ^ load<u64>(from)) * 0xd6e8feb86659fd93;
    hash ^= hash >> 32;
  }
  if (left > 0) hash = (hash ^ tailOf(from, left)) * 0xd6e8feb86659fd93;
  hash ^= hash >> 29;
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

function slotOf(group: i32, at: usize, size: i32, hash: u64): usize {
  const mask = load<u32>(STATE + SLOT_MASK);
  const identity = <u64>(<u32>group) | ((<u64>(<u32>size)) << 32);
  let index = <u32>hash & mask;
  const tag = <u32>(hash >> 32);
  while (true) {
    const slot = SLOTS + (<usize>index << 3);
    const entry = load<u32>(slot + 4);
    if (entry == 0) return slot;
    if (load<u32>(slot) == tag) {
      const held = <usize>entry << 3;
      if (load<u64>(held + 8) == identity && same(held + 16, at, size)) return slot;
    }
    index = (index + 1) & mask;
  }
}

// @ts-ignore: decorator
@inline
function same(held: usize, at: usize, size: i32): bool {
  let left = size;
  while (left >= 8) {
    if (load<u64>(held) != load<u64>(at)) return false;
    held += 8;
    at += 8;
    left -= 8;
  }
  return left == 0 || load<u64>(held) == tailOf(at, left);
}

export function add(group: i32, at: usize, size: i32, count: f64): void {
  const hash = hashOf(group, at, size);
  const slot = slotOf(group, at, size, hash);
  const held = load<u32>(slot + 4);
  if (held != 0) {
    const entry = <usize>held << 3;
    store<f64>(entry, load<f64>(entry) + count);
    return;
  }
  const entry = <usize>load<u32>(STATE + ARENA_AT);
  store<f64>(entry, count);
  store<u32>(entry + 8, <u32>group);
  store<u32>(entry + 12, <u32>size);
  const padded = (<usize>size + 7) & ~7;
  if (size > 0) store<u64>(entry + 16 + padded - 8, 0);
  memory.copy(entry + 16, at, <usize>size);
  store<u32>(STATE + ARENA_AT, <u32>(entry + 16 + padded));
  store<u32>(slot, <u32>(hash >> 32));
  store<u32>(slot + 4, <u32>(entry >> 3));
  store<i32>(STATE + ENTRIES, load<i32>(STATE + ENTRIES) + 1);
}

// Doubles the slots and places every entry anew; false at the bound.
export function grow(): bool {
  const slots = (load<u32>(STATE + SLOT_MASK) + 1) * 2;
  if (slots > load<u32>(STATE + SLOT_MAX)) return false;
  place(slots);
  return true;
}

/** Makes `slots` (a power of two) empty slots and places the entries of the arena in them. */
export function place(slots: u32): void {
  const mask = slots - 1;
  store<u32>(STATE + SLOT_MASK, mask);
  memory.fill(SLOTS, 0, <usize>slots << 3);
  let entry = <usize>load<u32>(STATE + ARENA_START);
  const end = <usize>load<u32>(STATE + ARENA_AT);
  while (entry < end) {
    const size = load<i32>(entry + 12);
    const hash = hashOf(load<i32>(entry + 8), entry + 16, size);
    let index = <u32>hash & mask;
    while (load<u32>(SLOTS + (<usize>index << 3) + 4) != 0) index = (index + 1) & mask;
    store<u32>(SLOTS + (<usize>index << 3), <u32>(hash >> 32));
    store<u32>(SLOTS + (<usize>index << 3) + 4, <u32>(entry >> 3));
    entry += 16 + ((<usize>size + 7) & ~7);
  }
}
