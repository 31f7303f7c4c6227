/**
 * Distinct: how many different members a slot saw. An exact set up to 1,024 members; beyond it HyperLogLog with 4,096 registers of a byte (standard error
 * 1.6 %). Law: exact if and only if the union has at most 1,024 members; registers are maxima, so any split and order gives the same bytes.
 *
 *   exact   | 0 u8 | (size u16, utf-8 bytes)*, in byte order |         approximate   | 1 u8 | 4,096 registers u8 |
 *
 * Source: Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog" (2007).
 */

import { Corrupt } from '../base/faults.js';

export interface Distinct {
  /** Undefined once there are registers. */
  members: Set<string> | undefined;
  registers: Uint8Array | undefined;
}

export const membersMax = 1024;
const registerBits = 12;
const registerCount = 1 << registerBits;

export function distinctOf(members: Iterable<string>): Distinct {
  const set = new Set<string>();
  for (const member of members) set.add(member.slice(0, 4096));
  return bounded({ members: set, registers: undefined });
}

/** The union. */
export function mergeDistinct(one: Distinct, two: Distinct): Distinct {
  if (one.members !== undefined && two.members !== undefined) {
    return bounded({ members: new Set([...one.members, ...two.members]), registers: undefined });
  }
  const registers = new Uint8Array(registerCount);
  for (const part of [one, two]) {
    const held = part.registers ?? registersOf(part.members ?? []);
    for (let index = 0; index < registerCount; index++) registers[index] = Math.max(registers[index] as number, held[index] as number);
  }
  return { members: undefined, registers };
}

/** The number of members; exact, or within about 1.6 %. */
export function countDistinct(distinct: Distinct): number {
  if (distinct.members !== undefined) return distinct.members.size;
  let [sum, zeros] = [0, 0];
  for (const register of distinct.registers ?? []) {
    sum += 2 ** -register;
    if (register === 0) zeros++;
  }
  const estimate = ((0.7213 / (1 + 1.079 / registerCount)) * registerCount * registerCount) / sum;
  return Math.round(estimate <= 2.5 * registerCount && zeros > 0 ? registerCount * Math.log(registerCount / zeros) : estimate);
}

export function encodeDistinct(distinct: Distinct): Uint8Array {
  if (distinct.members === undefined) return Buffer.concat([Buffer.of(1), distinct.registers as Uint8Array]);
  const parts: Buffer[] = [Buffer.of(0)];
  const members = [...distinct.members].map((member) => Buffer.from(member, 'utf8')).sort(Buffer.compare);
  for (const member of members) parts.push(Buffer.of(member.length & 255, member.length >> 8), member);
  return Buffer.concat(parts);
}

/** Throws Corrupt for bytes that are no set. */
export function decodeDistinct(bytes: Uint8Array): Distinct {
  if (bytes[0] === 1 && bytes.length === 1 + registerCount) return { members: undefined, registers: bytes.slice(1) };
  if (bytes[0] !== 0) throw new Corrupt(`a set of ${bytes.length} bytes has a wrong head`);
  const members = new Set<string>();
  for (let at = 1; at < bytes.length; ) {
    const size = (bytes[at] as number) + 256 * (bytes[at + 1] ?? 0);
    if (at + 2 + size > bytes.length) throw new Corrupt('a set ends early');
    members.add(Buffer.from(bytes.subarray(at + 2, at + 2 + size)).toString('utf8'));
    at += 2 + size;
  }
  return { members, registers: undefined };
}

/** How a store joins sets. */
export const distinctCodec = {
  merge: (one: Uint8Array, two: Uint8Array): Uint8Array => encodeDistinct(mergeDistinct(decodeDistinct(one), decodeDistinct(two))),
};

function bounded(distinct: Distinct): Distinct {
  if ((distinct.members?.size ?? 0) <= membersMax) return distinct;
  return { members: undefined, registers: registersOf(distinct.members ?? []) };
}

function registersOf(members: Iterable<string>): Uint8Array {
  const registers = new Uint8Array(registerCount);
  for (const member of members) {
    const bytes = Buffer.from(member, 'utf8');
    const index = hash(bytes, 0x9747b28c) >>> (32 - registerBits);
    const rank = Math.clz32(hash(bytes, 0x85ebca6b)) + 1;
    if (rank > (registers[index] as number)) registers[index] = rank;
  }
  return registers;
}

// Murmur3's finaliser over a running product: well mixed 32 bits.
function hash(bytes: Uint8Array, seed: number): number {
  let mixed = seed;
  for (const byte of bytes) {
    mixed = Math.imul(mixed ^ byte, 0x5bd1e995);
    mixed ^= mixed >>> 15;
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
