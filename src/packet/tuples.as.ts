/**
 * What is remembered of TCP tuples: where the sequence numbers of the next record of the same directed 5-tuple go on.
 *
 * An open-addressing table (linear probing, power of two) of 32-byte entries, little-endian:
 *
 *      0 u64 mark, 0 when free | 8 u64 last, ns | 16 u32 second mark | 20 u32 sequence | 24 u32 packets so far | 28 u32 zero
 *
 * The two marks are hashes of the tuple, 96 bits together: among a million tuples that are alive at once, two share them once in 10^17 runs.
 *
 * A record goes on from the one before it while the gap is below the timeout; after that, and at a SYN, a new connection begins at
 * hash(tuple, first). Entries whose time is over are left behind when the table is rebuilt, so that it holds what is alive.
 */

const entryBytes: usize = 32;

let table: usize = 0;
let mask: u32 = 0;
let used: u32 = 0;
let timeout: u64 = 0;
let packetsBefore: u32 = 0;
let verdict: u32 = 0;

/** An empty table of `capacity` entries (a power of two) at `at`. */
export function begin(at: usize, capacity: u32, timeoutNs: u64): void {
  table = at;
  mask = capacity - 1;
  used = 0;
  timeout = timeoutNs;
  memory.fill(at, 0, (<usize>capacity) * entryBytes);
}

/** Entries in use. */
export function usedCount(): u32 {
  return used;
}

/** Entries that are alive at `now`. */
export function aliveCount(now: u64): u32 {
  let count: u32 = 0;
  for (let index: u32 = 0; index <= mask; index++) {
    const entry = table + (<usize>index) * entryBytes;
    if (load<u64>(entry) != 0 && load<u64>(entry, 8) + timeout > now) count++;
  }
  return count;
}

/** Moves what is alive at `now` to a new table at `at`. */
export function rebuild(at: usize, capacity: u32, now: u64): void {
  const old = table;
  const oldMask = mask;
  begin(at, capacity, timeout);
  for (let index: u32 = 0; index <= oldMask; index++) {
    const entry = old + (<usize>index) * entryBytes;
    if (load<u64>(entry) == 0 || load<u64>(entry, 8) + timeout <= now) continue;
    let place = load<u32>(entry) & mask;
    while (load<u64>(table + (<usize>place) * entryBytes) != 0) place = (place + 1) & mask;
    memory.copy(table + (<usize>place) * entryBytes, entry, entryBytes);
    used++;
  }
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
  let mixed: u64 = load<u32>(record, 40);
  for (let offset: usize = 48; offset < 80; offset += 8) mixed = mix(mixed ^ load<u64>(record + offset));
  const mark: u64 = mixed == 0 ? 1 : mixed;
  let other: u64 = 0x9e3779b97f4a7c15;
  for (let offset: usize = 40; offset < 80; offset += 8) other = mix((other ^ (offset == 40 ? load<u32>(record + offset) : load<u64>(record + offset))) * 0x94d049bb133111eb);
  const second = <u32>(other >> 32);
  let place = <u32>mark & mask;
  let entry = table + (<usize>place) * entryBytes;
  while (load<u64>(entry) != 0 && (load<u64>(entry) != mark || load<u32>(entry, 16) != second)) {
    place = (place + 1) & mask;
    entry = table + (<usize>place) * entryBytes;
  }
  verdict = 0;
  packetsBefore = 0;
  let sequence = <u32>(mix(mixed ^ (first * 0x9e3779b97f4a7c15)) >> 32) & 0x3fffffff;
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
    used++;
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
function mix(value: u64): u64 {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}
