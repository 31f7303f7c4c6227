/**
 * What is remembered of TCP tuples: where the sequence numbers of the next record of the same directed 5-tuple go on.
 *
 * 64 open-addressing tables (linear probing, each a power of two), by the upper bits of the mark, so that one is rebuilt at a time and the room
 * for two is a 64th of the whole. An entry, little-endian:
 *
 *      0 u64 mark, 0 when free | 8 u64 last, ns | 16 u32 second mark | 20 u32 sequence | 24 u32 packets so far | 28 u32 zero
 *
 * A row of the directory, one a table:  0 u32 place | 4 u32 capacity - 1 | 8 u32 used | 12 u32 zero
 *
 * The two marks are hashes of the tuple, 96 bits together: among a million tuples that are alive at once, two share them once in 10^17 runs.
 *
 * A record goes on from the one before it while the gap is below the timeout; after that, and at a SYN, a new connection begins at
 * hash(tuple, first). Entries whose time is over are left behind when their table is rebuilt, so that it holds what is alive.
 */

const entryBytes: usize = 32;
const rowBytes: usize = 16;

let directory: usize = 0;
let timeout: u64 = 0;
let packetsBefore: u32 = 0;
let verdict: u32 = 0;

/** The tables of the directory at `at`; `place` gives each of them its room. */
export function begin(at: usize, timeoutNs: u64): void {
  directory = at;
  timeout = timeoutNs;
}

/** An empty table `index` of `capacity` entries (a power of two) at `at`, which is zeroed. */
export function place(index: u32, at: usize, capacity: u32): void {
  const row = directory + (<usize>index) * rowBytes;
  store<u32>(row, <u32>at);
  store<u32>(row, capacity - 1, 4);
  store<u32>(row, 0, 8);
}

/** Entries of table `index` that are alive at `now`. */
export function aliveCount(index: u32, now: u64): u32 {
  const row = directory + (<usize>index) * rowBytes;
  const table: usize = load<u32>(row);
  const mask = load<u32>(row, 4);
  let count: u32 = 0;
  for (let slot: u32 = 0; slot <= mask; slot++) {
    const entry = table + (<usize>slot) * entryBytes;
    if (load<u64>(entry) != 0 && load<u64>(entry, 8) + timeout > now) count++;
  }
  return count;
}

/** Moves what is alive at `now` of table `index` to room for `capacity` entries at `at`, which is zeroed. */
export function rebuild(index: u32, at: usize, capacity: u32, now: u64): void {
  const row = directory + (<usize>index) * rowBytes;
  const old: usize = load<u32>(row);
  const oldMask = load<u32>(row, 4);
  const mask = capacity - 1;
  let used: u32 = 0;
  for (let slot: u32 = 0; slot <= oldMask; slot++) {
    const entry = old + (<usize>slot) * entryBytes;
    if (load<u64>(entry) == 0 || load<u64>(entry, 8) + timeout <= now) continue;
    let to = load<u32>(entry) & mask;
    while (load<u64>(at + (<usize>to) * entryBytes) != 0) to = (to + 1) & mask;
    memory.copy(at + (<usize>to) * entryBytes, entry, entryBytes);
    used++;
  }
  place(index, at, capacity);
  store<u32>(row, used, 8);
}

/** The table that the record at `record` (layout.ts) belongs to. */
export function tableOf(record: usize): u32 {
  return <u32>(markOf(record) >> 58);
}

/**
 * Enters the record at `record` (layout.ts), whose last packet's time lies at `lastAt`; it advances the sequence by `advance`.
 * Returns its first sequence number; `before()` and `judgement()` tell the rest.
 */
export function enter(record: usize, lastAt: usize, advance: u32): u32 {
  const first: u64 = <u64>load<u32>(record) * 1000000000 + load<u32>(record, 4);
  const last = load<u64>(lastAt);
  const packets = load<u32>(record, 24);
  const syn = (load<u8>(record, 30) & 2) != 0;
  const mark = markOf(record);
  const row = directory + (<usize>(mark >> 58)) * rowBytes;
  const table: usize = load<u32>(row);
  const mask = load<u32>(row, 4);
  let other: u64 = 0x9e3779b97f4a7c15;
  for (let offset: usize = 40; offset < 80; offset += 8) other = mix((other ^ (offset == 40 ? load<u32>(record + offset) : load<u64>(record + offset))) * 0x94d049bb133111eb);
  const second = <u32>(other >> 32);
  let slot = <u32>mark & mask;
  let entry = table + (<usize>slot) * entryBytes;
  while (load<u64>(entry) != 0 && (load<u64>(entry) != mark || load<u32>(entry, 16) != second)) {
    slot = (slot + 1) & mask;
    entry = table + (<usize>slot) * entryBytes;
  }
  verdict = 0;
  packetsBefore = 0;
  let sequence = <u32>(mix(mark ^ (first * 0x9e3779b97f4a7c15)) >> 32) & 0x3fffffff;
  const known = load<u64>(entry) != 0;
  const latest = load<u64>(entry, 8);
  const alive = known && latest + timeout > first;
  if (alive) {
    verdict = first < latest ? 1 : 0;
    if (syn) verdict = verdict | 2;
    else {
      sequence = load<u32>(entry, 20);
      packetsBefore = load<u32>(entry, 24);
    }
  } else if (known) verdict = 2;
  if (!known) {
    store<u32>(row, load<u32>(row, 8) + 1, 8);
    store<u64>(entry, mark);
    store<u32>(entry, second, 16);
  }
  store<u32>(entry, sequence + advance, 20);
  store<u64>(entry, alive && latest > last ? latest : last, 8);
  store<u32>(entry, packetsBefore + packets, 24);
  return sequence;
}

/** Packets of the same connection before the record entered last. */
export function before(): u32 {
  return packetsBefore;
}

/** Of the record entered last: bit 0, it overlaps an earlier one; bit 1, it begins a later connection of the same tuple. */
export function judgement(): u32 {
  return verdict;
}

@inline
function markOf(record: usize): u64 {
  let mixed: u64 = load<u32>(record, 40);
  for (let offset: usize = 48; offset < 80; offset += 8) mixed = mix(mixed ^ load<u64>(record + offset));
  return mixed == 0 ? 1 : mixed;
}

@inline
function mix(value: u64): u64 {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}
