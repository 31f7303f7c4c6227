/**
 * A table from byte strings to small integers, without making a string for a look-up: open addressing over FNV-1a hashes, keys in one
 * growing arena. Keys mostly come in the order in which they first came, so the entry behind the last one found is tried before any hash. It serves as a cache (names of series as they come off a socket), so it is bounded: above `countMax` keys it empties itself.
 *
 *   slots  Int32Array  -> entry + 1 (0: free)          entry  hash u32, start u32, size u32, value i32          arena  key bytes
 */

const arenaSizeMax = 256 << 20;

export class ByteTable {
  #slots = new Int32Array(1 << 12);
  #hashes = new Int32Array(1 << 11);
  #starts = new Uint32Array(1 << 11);
  #sizes = new Uint32Array(1 << 11);
  #values = new Int32Array(1 << 11);
  #arena: Uint8Array = new Uint8Array(1 << 16);
  #arenaSize = 0;
  #count = 0;
  #last = -1;
  readonly #countMax: number;

  constructor(countMax = 4_000_000) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The value of the key in `[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#last + 1 < this.#count ? this.#last + 1 : 0;
    if (next < this.#count && this.#same(next, bytes, start, end)) {
      this.#last = next;
      return this.#values[next] as number;
    }
    return this.findHashed(bytes, start, end, hashOf(bytes, start, end));
  }

  /** As `find`, of a key whose hash was made while its end was looked for. */
  findHashed(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) return -1;
      if (this.#hashes[entry] === hash && this.#same(entry, bytes, start, end)) {
        this.#last = entry;
        return this.#values[entry] as number;
      }
    }
  }

  /** Adds a key that is not in the table. */
  add(bytes: Uint8Array, start: number, end: number, value: number): void {
    const size = end - start;
    if (this.#count >= this.#countMax || this.#arenaSize + size > arenaSizeMax) this.clear();
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    if (this.#arenaSize + size > this.#arena.length) {
      const larger = new Uint8Array(Math.max(this.#arena.length * 2, this.#arenaSize + size));
      larger.set(this.#arena);
      this.#arena = larger;
    }
    const entry = this.#count++;
    this.#last = entry;
    const hash = hashOf(bytes, start, end);
    this.#arena.set(bytes.subarray(start, end), this.#arenaSize);
    this.#hashes[entry] = hash;
    this.#starts[entry] = this.#arenaSize;
    this.#sizes[entry] = size;
    this.#values[entry] = value;
    this.#arenaSize += size;
    this.#place(hash, entry);
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.#last = -1;
    this.#arenaSize = 0;
  }

  #place(hash: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #same(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#sizes[entry] !== end - start) return false;
    // From the end: names differ there.
    const arena = this.#arena;
    const shift = (this.#starts[entry] as number) - start;
    for (let index = end - 1; index >= start; index--) if (arena[shift + index] !== bytes[index]) return false;
    return true;
  }

  #grow(): void {
    const capacity = this.#slots.length;
    const widen = <T extends Int32Array | Uint32Array>(old: T, wider: T): T => {
      wider.set(old);
      return wider;
    };
    this.#hashes = widen(this.#hashes, new Int32Array(capacity));
    this.#starts = widen(this.#starts, new Uint32Array(capacity));
    this.#sizes = widen(this.#sizes, new Uint32Array(capacity));
    this.#values = widen(this.#values, new Int32Array(capacity));
    this.#slots = new Int32Array(capacity * 2);
    for (let entry = 0; entry < this.#count; entry++) this.#place(this.#hashes[entry] as number, entry);
  }
}

/** The hash of no bytes. */
export const emptyHash = 0x811c9dc5;

/** The hash of one byte more. */
export function hashedByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** The hash as the table wants it, when all bytes are in. */
export function endedHash(hash: number): number {
  return (hash ^ (hash >>> 15)) | 0;
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = emptyHash;
  for (let at = start; at < end; at++) hash = hashedByte(hash, bytes[at] as number);
  return endedHash(hash);
}
