/**
 * The schedule as CSV: `time,flow,src,dst,sport,dport,proto,flags,size`, time as epoch seconds with nine decimals, flow the record's number, size layer-3 bytes.
 * The frame kernel hands over 16 bytes a packet (u64 time, u32 slot, u32 size | flags << 24); what a flow's rows share is kept as bytes a slot.
 */

import { formatAddress } from '../base/address.js';
import { RowWriter } from '../base/row-writer.js';
import { recordAt } from './layout.js';

export const scheduleHeader = 'time,flow,src,dst,sport,dport,proto,flags,size\n';

export class ScheduleRows {
  readonly writer = new RowWriter(1 << 21);
  /** `,FLOW,SRC,DST,SPORT,DPORT,PROTO,` a slot. */
  readonly shared: Buffer[] = [];

  setFlow(slot: number, view: DataView, bytes: Uint8Array, record: number): void {
    const family = view.getUint8(record + recordAt.family);
    const fields = [
      view.getFloat64(record + recordAt.number, true),
      formatAddress(bytes, record + recordAt.src, family),
      formatAddress(bytes, record + recordAt.dst, family),
      view.getUint16(record + recordAt.sport, true),
      view.getUint16(record + recordAt.dport, true),
      view.getUint8(record + recordAt.proto),
    ];
    this.shared[slot] = Buffer.from(`,${fields.join(',')},`);
  }
}

/** Formats the kernel's 16-byte entries; the result is valid until the next call. */
export function formatSchedule(rows: ScheduleRows, entries: Uint8Array): Uint8Array {
  const { writer } = rows;
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let at = 0; at < entries.length; at += 16) {
    const shared = rows.shared[view.getUint32(at + 8, true)]!;
    writer.reserve(256);
    const time = view.getBigUint64(at, true);
    writer.epochNanos(Number(time / 1_000_000_000n), Number(time % 1_000_000_000n));
    writer.bytes.set(shared, writer.at);
    writer.at += shared.length;
    const word = view.getUint32(at + 12, true);
    writer.integer(word >>> 24);
    writer.byte(0x2c);
    writer.integer(word & 0xffffff);
    writer.byte(0x0a);
  }
  return writer.take();
}
