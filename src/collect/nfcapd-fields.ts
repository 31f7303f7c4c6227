/**
 * Puts the fields of `nfcapd-elements.ts` into the columns of a batch; a column is made when the first value that is not zero comes. The plain
 * counterpart of the kernel, for what it leaves alone: texts, files of the other byte order, layout 1.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import type { OptionalColumn } from '../base/flow-columns.js';
import { type Field, type FieldColumn, type FieldForm, formBytes, type TextColumn } from './nfcapd-elements.js';

/** Milliseconds of the epoch end here: the year 2106. */
export const endMs = 4294967296000;

/** Puts the fields that lie within the `size` bytes at `at`. */
export function putFields(
  fields: readonly Field[],
  view: DataView,
  at: number,
  size: number,
  isLittle: boolean,
  batch: FlowBatch,
  row: number,
): void {
  for (let index = 0; index < fields.length; index++) {
    const { offset, form, column } = fields[index]!;
    if (offset + formBytes[form] > size) continue;
    const place = at + offset;
    if (form === 'text' || form === 'digits' || form === 'application')
      putText(form, view, place, size - offset, isLittle, batch, row, column as TextColumn);
    else putValue(form, view, place, isLittle, batch, row, column as FieldColumn);
  }
}

function putValue(form: FieldForm, view: DataView, at: number, isLittle: boolean, batch: FlowBatch, row: number, name: FieldColumn): void {
  let column = batch[name] as Float64Array | undefined;
  if (column === undefined) {
    if (isZero(view, at, formBytes[form])) return;
    batch.add(name as OptionalColumn);
    column = batch[name] as Float64Array;
  }
  if (form === 'ipv4') {
    const address = view.getUint32(at, isLittle);
    if (address === 0) (batch[name] as Uint8Array).fill(0, row * 16, row * 16 + 16);
    else putIpv4(batch[name] as Uint8Array, row, address);
  } else if (form === 'ipv6') putIpv6(batch[name] as Uint8Array, row, view, at, isLittle);
  else if (form === 'labels') for (let index = 0; index < 10; index++) column[row * 10 + index] = view.getUint32(at + index * 4, isLittle);
  else if (form === 'u8') column[row] = view.getUint8(at);
  else if (form === 'u16' || form === 'u16>u32') column[row] = view.getUint16(at, isLittle);
  else if (form === 'u64') column[row] = long(view, at, isLittle);
  else if (form === 'time') column[row] = Math.min(long(view, at, isLittle), endMs - 1);
  else column[row] = view.getUint32(at, isLittle);
}

function isZero(view: DataView, at: number, size: number): boolean {
  for (let byte = 0; byte < size; byte++) if (view.getUint8(at + byte) !== 0) return false;
  return true;
}

function putText(
  form: FieldForm,
  view: DataView,
  at: number,
  size: number,
  isLittle: boolean,
  batch: FlowBatch,
  row: number,
  name: TextColumn,
): void {
  const bytes = Buffer.from(view.buffer, view.byteOffset + at, size);
  let value: string;
  if (form === 'digits') value = String(view.getBigUint64(at, isLittle));
  else if (form === 'application') value = `${bytes[0]}..${bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)}`;
  else {
    const end = bytes.indexOf(0);
    value = bytes.toString('utf8', 0, end < 0 ? size : end);
  }
  if (value === '' || value === '0') return;
  let column = batch.extra.get(name);
  if (column === undefined) {
    column = Array<string>(batch.capacity).fill('');
    batch.extra.set(name, column);
  }
  column[row] = value;
}

/** A whole number of 64 bits as a float: exact to 2^53. */
export function long(view: DataView, at: number, isLittle: boolean): number {
  const [low, high] = isLittle
    ? [view.getUint32(at, true), view.getUint32(at + 4, true)]
    : [view.getUint32(at + 4, false), view.getUint32(at, false)];
  return high * 4294967296 + low;
}

/** Empties the optional columns of a row, and what a record may leave out. */
export function clearRow(batch: FlowBatch, row: number): void {
  batch.family[row] = 0;
  batch.src.fill(0, row * 16, row * 16 + 16);
  batch.dst.fill(0, row * 16, row * 16 + 16);
  batch.inIf[row] = 0;
  batch.outIf[row] = 0;
  batch.srcAs[row] = 0;
  batch.dstAs[row] = 0;
  const present = batch.present();
  for (let index = 0; index < present.length; index++) {
    const { column, width } = present[index]!;
    if (width === 1) column[row] = 0;
    else column.fill(0, row * width, (row + 1) * width);
  }
  if (batch.extra.size > 0) for (const column of batch.extra.values()) column[row] = '';
}

/** An IPv4 address from its number. */
export function putIpv4(column: Uint8Array, row: number, address: number): void {
  const at = row * 16;
  column.fill(0, at, at + 10);
  column[at + 10] = 0xff;
  column[at + 11] = 0xff;
  for (let byte = 0; byte < 4; byte++) column[at + 12 + byte] = address >>> (24 - byte * 8);
}

/** An IPv6 address from two words of 8 bytes in the byte order of the file. */
export function putIpv6(column: Uint8Array, row: number, view: DataView, at: number, isLittle: boolean): void {
  for (let byte = 0; byte < 8; byte++) {
    const from = isLittle ? 7 - byte : byte;
    column[row * 16 + byte] = view.getUint8(at + from);
    column[row * 16 + 8 + byte] = view.getUint8(at + 8 + from);
  }
}
