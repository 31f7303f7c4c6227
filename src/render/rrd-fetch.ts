/** What `rrdtool fetch` prints, byte for byte: names above, then a row a line under its end. Source: rrdfetch(1) and the program beside it. */

import { RowWriter } from '../base/row-writer.js';
import type { RrdRows } from '../query/rrd-fetch.js';

const [space, newLine] = [0x20, 0x0a];
const pieceBytes = 1 << 16;

/** Text in pieces of bounded size, so that a year of seconds needs no memory. */
export function* rrdFetchText(rows: RrdRows): Generator<Uint8Array> {
  const width = rows.names.length;
  const words = new Uint32Array(rows.values.buffer, rows.values.byteOffset, rows.values.length * 2);
  const writer = new RowWriter(pieceBytes + 4096);
  writer.text(`           ${rows.names.map((name) => name.padStart(20)).join('')}\n\n`);
  for (let row = 0; row < rows.count; row++) {
    writer.reserve(64);
    writer.ascii(`${String(rows.start + (row + 1) * rows.step).padStart(10)}:`);
    for (let column = row * width; column < (row + 1) * width; column++) {
      const value = rows.values[column] ?? Number.NaN;
      writer.reserve(64);
      writer.byte(space);
      if (!Number.isNaN(value)) writer.exponential(value);
      else writer.ascii((words[column * 2 + 1] ?? 0) >= 0x80000000 ? '-nan' : 'nan');
    }
    writer.reserve(1);
    writer.byte(newLine);
    if (writer.at > pieceBytes) yield writer.take();
  }
  yield writer.take();
}
