/**
 * File headers. pcap (draft-ietf-opsawg-pcap), little-endian:
 *
 *      0 u32 magic a1b2c3d4 (microseconds) or a1b23c4d (nanoseconds) | 4 u16 2 | 6 u16 4 | 8 8 zero | 16 u32 snaplen | 20 u32 link type 1
 *
 * pcapng (draft-ietf-opsawg-pcapng): a Section Header Block and one Interface Description Block with its time resolution.
 */

import { scheduleHeader } from './schedule-rows.js';

const ethernet = 1;
const snaplenDefault = 262144;

/** The bytes before the first packet. */
export function captureHead(format: 'pcap' | 'pcapng' | 'csv', nano: boolean, snaplen: number | 'headers' | undefined): Uint8Array {
  if (format === 'csv') return Buffer.from(scheduleHeader);
  const limit = typeof snaplen === 'number' ? snaplen : snaplenDefault;
  return format === 'pcap' ? pcapHead(nano, limit) : pcapngHead(nano, limit);
}

function pcapHead(nano: boolean, snaplen: number): Uint8Array {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(nano ? 0xa1b23c4d : 0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(snaplen, 16);
  head.writeUInt32LE(ethernet, 20);
  return head;
}

function pcapngHead(nano: boolean, snaplen: number): Uint8Array {
  const section = Buffer.alloc(28);
  section.writeUInt32LE(0x0a0d0d0a, 0);
  section.writeUInt32LE(28, 4);
  section.writeUInt32LE(0x1a2b3c4d, 8);
  section.writeUInt16LE(1, 12);
  section.fill(0xff, 16, 24);
  section.writeUInt32LE(28, 24);
  const face = Buffer.alloc(32);
  face.writeUInt32LE(1, 0);
  face.writeUInt32LE(32, 4);
  face.writeUInt16LE(ethernet, 8);
  face.writeUInt32LE(snaplen, 12);
  // if_tsresol: 10^-6 or 10^-9 s.
  face.writeUInt16LE(9, 16);
  face.writeUInt16LE(1, 18);
  face[20] = nano ? 9 : 6;
  face.writeUInt32LE(32, 28);
  return Buffer.concat([section, face]);
}
