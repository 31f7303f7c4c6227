/**
 * IP addresses as 16 bytes: IPv6 as it is, IPv4 mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so that one column holds both.
 * Text is parsed by the grammar of RFC 4291 section 2.2 and printed as RFC 5952 says. Strict: no octal, no blanks, no zone.
 */

/** Parses an address into `out` at `offset` (16 bytes); returns 4 or 6, or 0 if it is none (then `out` is undefined there). */
export function parseAddress(text: string, out: Uint8Array, offset = 0): 0 | 4 | 6 {
  if (!text.includes(':')) {
    out.fill(0, offset, offset + 10);
    out[offset + 10] = 0xff;
    out[offset + 11] = 0xff;
    return parseIpv4(text, out, offset + 12) ? 4 : 0;
  }
  return parseIpv6(text, out, offset) ? 6 : 0;
}

function parseIpv4(text: string, out: Uint8Array, offset: number): boolean {
  const parts = text.split('.');
  if (parts.length !== 4) return false;
  for (let index = 0; index < 4; index++) {
    const part = parts[index] ?? '';
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return false;
    const value = Number(part);
    if (value > 255) return false;
    out[offset + index] = value;
  }
  return true;
}

function parseIpv6(text: string, out: Uint8Array, offset: number): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return false;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return false;
  out.fill(0, offset, offset + 16);
  out.set(head, offset);
  out.set(tail, offset + 16 - tail.length);
  return true;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (let index = 0; index < groups.length; index++) {
    const group = groups[index] ?? '';
    if (mayEndInIpv4 && index === groups.length - 1 && group.includes('.')) {
      const quad = new Uint8Array(4);
      if (!parseIpv4(group, quad, 0)) return undefined;
      bytes.push(...quad);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
    if (bytes.length > 16) return undefined;
  }
  return bytes;
}

/** Prints the 16 bytes at `offset`: dotted quad for family 4, RFC 5952 for family 6, empty for 0. */
export function formatAddress(bytes: Uint8Array, offset: number, family: number): string {
  if (family === 4) return `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  if (family !== 6) return '';
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push(((bytes[offset + index] ?? 0) << 8) | (bytes[offset + index + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  }
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (bestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}
