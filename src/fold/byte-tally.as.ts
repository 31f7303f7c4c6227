/**
 * A tally on bytes: an open-addressing table whose keys stay bytes in an arena, by group (a list of a period). The counting kernel
 * `count-lines.as.ts` includes it; `line-counter.ts` lays out its memory. Linear probing, at most half full, doubled by placing the
 * entries of the arena anew. Places are taken by a 64-bit multiplicative hash; equal keys are told by their bytes.
 * Keys of many lines are noted first and counted together (`note`, `settle`): the table is larger than the caches, and slots and entries
 * that are touched ahead, all at once, are waited for once instead of one after the other.
 *
 *   SLOTS    u32 upper half of the hash, u32 entry/8 (0: empty)         ARENA    entries, 8-aligned:
 *     +--------------+------------+-----------+----------------------------+
 *     | count  f64   | group u32  | size u32  | key, zero-padded to 8      |
 *     +--------------+------------+-----------+----------------------------+
 *   NOTES    hash u64, group u32, size u32, place of the key u32, place of its slot u32
 */

export const STATE: usize = 1024;
const SLOTS: usize = 0x1000000;
const SLOT_MASK: usize = 20;
const SLOT_MAX: usize = 24; // slots at most
const ENTRIES: usize = 28;
const ARENA_AT: usize = 32; // u32
const ARENA_END: usize = 36; // u32, end of the memory that there is
const ARENA_LIMIT: usize = 92; // u32, how far it may grow
const ARENA_START: usize = 84; // u32

const NOTES: usize = 0x220000;
const NOTES_MAX: i32 = 192;

let noted: i32 = 0;
let notedBytes: usize = 0;
let touched: u64 = 0;

/** Notes a key to be counted once by the next `settle`; its bytes stay where they are until then. */
export function note(group: i32, at: usize, size: i32): void {
  const to = NOTES + <usize>noted * 24;
  store<u64>(to, hashOf(group, at, size));
  store<u32>(to + 8, <u32>group);
  store<u32>(to + 12, <u32>size);
  store<u32>(to + 16, <u32>at);
  noted++;
  notedBytes += (<usize>size + 23) & ~7;
}

/** Whether there is room for `keys` more keys of at most `size` bytes each; counts what was noted and grows if need be. */
export function makeRoom(keys: i32, size: i32): bool {
  if (noted + keys > NOTES_MAX) settle();
  const bytes = <usize>keys * (<usize>size + 32);
  if (!arenaHolds(notedBytes + bytes)) {
    settle();
    if (!arenaHolds(bytes)) return false;
  }
  if ((load<i32>(STATE + ENTRIES) + noted + keys) * 2 <= load<i32>(STATE + SLOT_MASK)) return true;
  settle();
  return (load<i32>(STATE + ENTRIES) + keys) * 2 <= load<i32>(STATE + SLOT_MASK) || grow();
}

// Whether the arena has room for so many bytes, or can be given it: memory that is not needed is not taken, 8 MiB at a time.
function arenaHolds(bytes: usize): bool {
  const end = load<u32>(STATE + ARENA_END);
  if (<usize>load<u32>(STATE + ARENA_AT) + bytes <= <usize>end) return true;
  const next = min(load<u32>(STATE + ARENA_LIMIT), end + 0x800000);
  if (<usize>load<u32>(STATE + ARENA_AT) + bytes > <usize>next || memory.grow(<i32>((next - end) >> 16)) < 0) return false;
  store<u32>(STATE + ARENA_END, next);
  return true;
}

/** Counts what was noted. */
export function settle(): void {
  const end = NOTES + <usize>noted * 24;
  const mask = load<u32>(STATE + SLOT_MASK);
  let touch: u64 = 0;
  for (let at = NOTES; at < end; at += 24) touch += load<u64>(SLOTS + (<usize>(load<u32>(at) & mask) << 3));
  for (let at = NOTES; at < end; at += 24) {
    const slot = likelySlot(load<u32>(at) & mask, load<u32>(at + 4), mask);
    const entry = <usize>load<u32>(slot + 4) << 3;
    store<u32>(at + 20, <u32>slot);
    touch += load<u64>(entry) + load<u64>(entry + <usize>load<u32>(at + 12));
  }
  // Kept, or the compiler would see that nobody wants it.
  touched = touch;
  for (let at = NOTES; at < end; at += 24) {
    const group = load<i32>(at + 8);
    const size = load<i32>(at + 12);
    const key = <usize>load<u32>(at + 16);
    count(slotFrom(load<u32>(at + 20), group, key, size, load<u64>(at)), group, key, size, load<u64>(at), 1.0);
  }
  noted = 0;
  notedBytes = 0;
}

// The first slot from `index` on that is empty or of this tag: the key's own, unless another has its tag.
// @ts-ignore: decorator
@inline
function likelySlot(index: u32, tag: u32, mask: u32): usize {
  while (true) {
    const slot = SLOTS + (<usize>index << 3);
    if (load<u32>(slot) == tag || load<u32>(slot + 4) == 0) return slot;
    index = (index + 1) & mask;
  }
}

/** Adds to the count of a key of a group; false: there is no room. */
export function insert(group: i32, at: usize, size: i32, value: f64): bool {
  if (!arenaHolds(<usize>size + 32)) return false;
  if (load<i32>(STATE + ENTRIES) * 2 + 2 > load<i32>(STATE + SLOT_MASK) && !grow()) return false;
  const hash = hashOf(group, at, size);
  count(slotOf(group, at, size, hash), group, at, size, hash, value);
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

// Two lanes of eight bytes, so that one multiplication need not wait for the other.
function hashOf(group: i32, at: usize, size: i32): u64 {
  let hash: u64 = (<u64>group + 1) * 0x9e3779b97f4a7c15 ^ <u64>size;
  let other: u64 = 0xa0761d6478bd642f;
  let from = at;
  let left = size;
  for (; left >= 16; left -= 16, from += 16) {
    hash = (hash ^ load<u64>(from)) * 0xd6e8feb86659fd93;
    other = (other ^ load<u64>(from + 8)) * 0xe7037ed1a0b428db;
    hash ^= hash >> 32;
    other ^= other >> 31;
  }
  if (left >= 8) {
    hash = (hash ^ load<u64>(from)) * 0xd6e8feb86659fd93;
    hash ^= hash >> 32;
    from += 8;
    left -= 8;
  }
  if (left > 0) other = (other ^ tailOf(from, left)) * 0xe7037ed1a0b428db;
  hash ^= other ^ (other >> 29);
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

// The slot of a key, or the empty one where it belongs; `slot` is one on its way.
// @ts-ignore: decorator
@inline
function slotFrom(slot: usize, group: i32, at: usize, size: i32, hash: u64): usize {
  const last = SLOTS + (<usize>load<u32>(STATE + SLOT_MASK) << 3);
  const identity = <u64>(<u32>group) | ((<u64>(<u32>size)) << 32);
  const tag = <u32>(hash >> 32);
  while (true) {
    const entry = load<u32>(slot + 4);
    if (entry == 0) return slot;
    if (load<u32>(slot) == tag) {
      const held = <usize>entry << 3;
      if (load<u64>(held + 8) == identity && same(held + 16, at, size)) return slot;
    }
    slot = slot == last ? SLOTS : slot + 8;
  }
}

function slotOf(group: i32, at: usize, size: i32, hash: u64): usize {
  return slotFrom(SLOTS + (<usize>(<u32>hash & load<u32>(STATE + SLOT_MASK)) << 3), group, at, size, hash);
}

// @ts-ignore: decorator
@inline
function same(held: usize, at: usize, size: i32): bool {
  let left = size;
  for (; left >= 16; left -= 16, held += 16, at += 16) {
    if (v128.any_true(v128.xor(v128.load(held), v128.load(at)))) return false;
  }
  if (left >= 8) {
    if (load<u64>(held) != load<u64>(at)) return false;
    held += 8;
    at += 8;
    left -= 8;
  }
  return left == 0 || load<u64>(held) == tailOf(at, left);
}

// Adds to the count of a key whose slot was found, or makes its entry there.
// @ts-ignore: decorator
@inline
function count(slot: usize, group: i32, at: usize, size: i32, hash: u64, value: f64): void {
  const held = load<u32>(slot + 4);
  if (held != 0) {
    const entry = <usize>held << 3;
    store<f64>(entry, load<f64>(entry) + value);
    return;
  }
  const entry = <usize>load<u32>(STATE + ARENA_AT);
  store<f64>(entry, value);
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
function grow(): bool {
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
