/**
 * Addresses, networks and masks as they are written in filters: `10.0.0.1`, `10.1/16`, `2001:db8::/32`, `255.255.0.0`, `00:1b:2c:3d:4e:5f`.
 */

import { parseAddress } from '../base/address.js';

/** One network: 16 bytes (IPv4 as ::a.b.c.d) and how many leading bits count. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** The network that a text names, or what was expected. `whole`: an address has to be written in full. */
export function networkOf(text: string, whole: boolean): Network | string {
  const [address = '', bitsText] = text.split('/');
  const bytes = new Uint8Array(16);
  let dotted = address;
  let bits = bitsText === undefined ? undefined : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
  // Abbreviated networks as 10.1/16 have their missing bytes zero.
  if (!whole && /^\d{1,3}(\.\d{1,3}){0,2}\.?$/.test(address)) {
    const parts = address.replace(/\.$/, '').split('.');
    bits ??= parts.length * 8;
    dotted = [...parts, ...Array<string>(4 - parts.length).fill('0')].join('.');
  }
  const family = parseAddress(dotted, bytes);
  if (family === 0) return whole ? 'an IP address: names are not looked up' : 'a network as 10.0.0.0/8';
  const most = family === 4 ? 32 : 128;
  if (bits !== undefined && !(bits <= most)) return `a prefix length from 0 to ${most}`;
  if (family === 4) bytes.fill(0, 0, 12);
  return { bytes, bits: (bits ?? most) + (family === 4 ? 96 : 0) };
}

/** Whether a text is four numbers with dots. */
export function isDotted(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text);
}

/** Leading ones of a netmask as 255.255.0.0; undefined when it is none. */
export function maskBits(text: string): number | undefined {
  const mask = new Uint8Array(16);
  if (parseAddress(text, mask) !== 4) return undefined;
  const ones = [...mask.subarray(12)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(ones) ? ones.replace(/0/g, '').length : undefined;
}

/** A MAC address as a number of 48 bits; undefined when it is none. */
export function macOf(text: string): number | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/.test(text)) return undefined;
  return text.split(':').reduce((whole, part) => whole * 256 + Number.parseInt(part, 16), 0);
}
