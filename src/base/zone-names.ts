/**
 * What the machine calls its zone at an instant: `UTC`, `CET`, `CEST`. The engine knows offsets but not these short names, which C's `%Z` prints; they are
 * in the machine's zone file.
 *
 *     "TZif" | version | 15 | six counts u32: isut, isstd, leap, times, types, name bytes | times i32 (from version 2 on a second block with i64) |
 *     type of each time u8 | types: offset i32, is summer u8, place of its name u8 | names, a zero behind each | ... | newline, rule for the times after, newline
 *
 * Source: RFC 8536 (TZif), POSIX TZ for the rule.
 */

import { readFileSync } from 'node:fs';
import type { WallClock } from './wall-clock.js';

/** Short name of the zone at an instant: from the file of `zone` (an IANA name, or empty for the machine's own), else the offset as `+01`. */
export function zoneNamer(zone: string, clock: WallClock): (epochSeconds: number) => string {
  const table = readTable(zone.replace(/^:/, ''));
  return (epochSeconds) => {
    const offset = clock.offsetSeconds(epochSeconds);
    return table?.nameAt(epochSeconds, offset) ?? offsetName(offset);
  };
}

interface ZoneTable {
  nameAt(epochSeconds: number, offset: number): string | undefined;
}

function readTable(zone: string): ZoneTable | undefined {
  if (zone === 'UTC' || zone === 'Etc/UTC') return { nameAt: () => 'UTC' };
  if (zone !== '' && !/^[A-Za-z0-9+_-]+(\/[A-Za-z0-9+_-]+)*$/.test(zone)) return undefined;
  try {
    return parseTable(readFileSync(zone === '' ? '/etc/localtime' : `/usr/share/zoneinfo/${zone}`));
  } catch {
    return undefined;
  }
}

function parseTable(bytes: Buffer): ZoneTable | undefined {
  if (bytes.toString('latin1', 0, 4) !== 'TZif') return undefined;
  const wide = (bytes[4] ?? 0) >= 0x32;
  const counts = (at: number): number[] => [20, 24, 28, 32, 36, 40].map((field) => bytes.readUInt32BE(at + field));
  const blockBytes = ([isut = 0, isstd = 0, leap = 0, times = 0, types = 0, names = 0]: number[], width: number): number =>
    44 + times * (width + 1) + types * 6 + names + leap * (width + 4) + isstd + isut;
  const start = wide ? blockBytes(counts(0), 4) : 0;
  const width = wide ? 8 : 4;
  const [, , , timeCount = 0, typeCount = 0] = counts(start);
  const kindsAt = start + 44 + timeCount * width;
  const typesAt = kindsAt + timeCount;
  const namesAt = typesAt + typeCount * 6;
  const timeOf = (index: number): number =>
    wide ? Number(bytes.readBigInt64BE(start + 44 + index * 8)) : bytes.readInt32BE(start + 44 + index * 4);
  const typeOf = (kind: number): { offset: number; name: string } => {
    const nameAt = namesAt + bytes.readUInt8(typesAt + kind * 6 + 5);
    return { offset: bytes.readInt32BE(typesAt + kind * 6), name: bytes.toString('latin1', nameAt, bytes.indexOf(0, nameAt)) };
  };
  const types = Array.from({ length: typeCount }, (_, kind) => typeOf(kind));
  const rule = wide ? ruleNames(bytes.toString('latin1', start + blockBytes(counts(start), 8)).trim()) : [];
  return {
    nameAt: (epochSeconds, offset) => {
      let low = 0;
      let high = timeCount;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (timeOf(middle) <= epochSeconds) low = middle + 1;
        else high = middle;
      }
      const inForce = low === 0 ? types[0] : types[bytes.readUInt8(kindsAt + low - 1)];
      if (inForce?.offset === offset) return inForce.name;
      return [...rule, ...types].find((type) => type.offset === offset)?.name;
    },
  };
}

/** Names and offsets of a POSIX rule: `CET-1CEST,M3.5.0,M10.5.0/3`; a summer without an offset is an hour ahead. */
function ruleNames(rule: string): { offset: number; name: string }[] {
  const found = /^(<[^>]+>|[A-Za-z]+)([-+]?[\d:]+)(?:(<[^>]+>|[A-Za-z]+)([-+]?[\d:]+)?)?/.exec(rule);
  if (found === null) return [];
  const offset = posixOffset(found[2] ?? '0');
  const bare = (name: string): string => name.replace(/[<>]/g, '');
  const names = [{ offset, name: bare(found[1] ?? '') }];
  if (found[3] !== undefined) names.push({ offset: found[4] === undefined ? offset + 3600 : posixOffset(found[4]), name: bare(found[3]) });
  return names;
}

/** POSIX counts west of Greenwich as positive. */
function posixOffset(text: string): number {
  const [hours = '0', minutes = '0', seconds = '0'] = text.replace(/^[-+]/, '').split(':');
  const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return text.startsWith('-') ? size : -size;
}

function offsetName(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${minutes % 60 === 0 ? '' : two(minutes % 60)}`;
}
