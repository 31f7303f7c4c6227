/** What `rrdtool fetch` prints, byte for byte: names above, then a row a line under its end. Source: rrdfetch(1) and the program beside it. */

import { formatE } from '../base/number.js';
import type { RrdRows } from '../query/rrd-fetch.js';

/** Text in pieces of bounded size, so that a year of seconds needs no memory. */
export function* rrdFetchText(rows: RrdRows): Generator<string> {
  const width = rows.names.length;
  const words = new Uint32Array(rows.values.buffer, rows.values.byteOffset, rows.values.length * 2);
  let text = `           ${rows.names.map((name) => name.padStart(20)).join('')}\n\n`;
  for (let row = 0; row < rows.count; row++) {
    text += `${String(rows.start + (row + 1) * rows.step).padStart(10)}:`;
    for (let column = row * width; column < (row + 1) * width; column++) {
      const value = rows.values[column] ?? Number.NaN;
      if (!Number.isNaN(value)) text += ` ${formatE(value, 10)}`;
      else text += (words[column * 2 + 1] ?? 0) >= 0x80000000 ? ' -nan' : ' nan';
    }
    text += '\n';
    if (text.length > 1 << 16) {
      yield text;
      text = '';
    }
  }
  yield text;
}
