/**
 * Distinct: how many different members there were. Up to 4,096 it keeps the 64-bit hashes of all of them, so the number is exact (but for colliding
 * hashes, one in 10^12); beyond, a HyperLogLog of 16,384 registers with a standard error of 0.8 %.
 *
 *   mode u8 (0 hashes, 1 registers) | hashes u64 ascending, or 16,384 registers u8      little-endian
 *
 * Laws: merge is associative, commutative and idempotent with the empty cell as its zero. Sources: Flajolet et al., "HyperLogLog", 2007; Heule et al., 2013
 * (64-bit hashes); Austin Appleby's MurmurHash3 finalizer.
 */

import { Corrupt } from '../base/faults.js';

export const exactMembersMax = 4096;
const registerBits = 14;
const registerCount = 1 << registerBits;

/** Bytes of a cell that holds the members. */
export function encodeMembers(members: Iterable<string>): Uint8Array {
  return pack(new Set(Array.from(members, hash64)));
}

/** Two cells as one. */
export function mergeMembers(one: Uint8Array, two: Uint8Array): Uint8Array {
  if (one[0] === 0 && two[0] === 0) return pack(new Set([...hashesOf(one), ...hashesOf(two)]));
  const [left, right] = [registersOf(one), registersOf(two)];
  const merged = new Uint8Array(1 + registerCount);
  merged[0] = 1;
  for (let index = 0; index < registerCount; index++) merged[index + 1] = Math.max(left[index] as number, right[index] as number);
  return merged;
}

/** The number of members: exact, or the estimate. */
export function countMembers(bytes: Uint8Array): number {
  if (bytes[0] === 0) return (bytes.length - 1) / 8;
  const registers = registersOf(bytes);
  let sum = 0;
  let zeroes = 0;
  for (const register of registers) {
    sum += 2 ** -register;
    if (register === 0) zeroes++;
  }
  const estimate = ((0.7213 / (1 + 1.079 / registerCount)) * registerCount * registerCount) / sum;
  // Linear counting where registers are still free.
  return Math.round(estimate <= 2.5 * registerCount && zeroes > 0 ? registerCount * Math.log(registerCount / zeroes) : estimate);
}

/** Whether the number is exact. */
export function membersAreExact(bytes: Uint8Array): boolean {
  return bytes[0] === 0;
}

/** Standard error of an estimate, in percent. */
export const estimateErrorPercent = 0.8;

/** An empty set that estimates from the first member on. */
export function emptyEstimate(): Uint8Array {
  return packRegisters([]);
}

/** Puts a member into a set that estimates, which changes. */
export function addToEstimate(bytes: Uint8Array, member: string): void {
  putHash(bytes, hash64(member));
}

/** How sets merge in a store. */
export const memberSetCodec = { merge: mergeMembers };

function pack(hashes: ReadonlySet<bigint>): Uint8Array {
  if (hashes.size > exactMembersMax) return packRegisters(hashes);
  const bytes = new Uint8Array(1 + hashes.size * 8);
  const view = new DataView(bytes.buffer);
  BigUint64Array.from(hashes)
    .sort()
    .forEach((hash, index) => {
      view.setBigUint64(1 + index * 8, hash, true);
    });
  return bytes;
}

function packRegisters(hashes: Iterable<bigint>): Uint8Array {
  const bytes = new Uint8Array(1 + registerCount);
  bytes[0] = 1;
  for (const hash of hashes) putHash(bytes, hash);
  return bytes;
}

function putHash(bytes: Uint8Array, hash: bigint): void {
  const index = Number(hash & BigInt(registerCount - 1));
  const rest = hash >> BigInt(registerBits);
  const high = Number(rest >> 32n);
  const rank = high !== 0 ? Math.clz32(high) - registerBits + 1 : 64 - registerBits - 31 + Math.clz32(Number(rest & 0xffffffffn));
  if (rank > (bytes[index + 1] as number)) bytes[index + 1] = rank;
}

function hashesOf(bytes: Uint8Array): bigint[] {
  if ((bytes.length - 1) % 8 !== 0) throw new Corrupt(`a set cell of ${bytes.length} bytes is none`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: (bytes.length - 1) / 8 }, (_, index) => view.getBigUint64(1 + index * 8, true));
}

function registersOf(bytes: Uint8Array): Uint8Array {
  const packed = bytes[0] === 0 ? packRegisters(hashesOf(bytes)) : bytes;
  if (packed.length !== registerCount + 1) throw new Corrupt(`a set cell of ${bytes.length} bytes is none`);
  return packed.subarray(1);
}

function hash64(text: string): bigint {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (const byte of Buffer.from(text)) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995) ^ (high >>> 15);
  }
  low = mix(low ^ text.length);
  high = mix(high ^ low);
  return (BigInt(high >>> 0) << 32n) | BigInt(mix(low ^ high) >>> 0);
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
