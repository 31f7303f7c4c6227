/**
 * Flow CSV with a header: nfdump's `-o csv` of 1.6 and 1.7, FlowTest profiles, Weir's own output, and any other by `--columns`.
 *
 * nfdump closes its output with a summary block, which is skipped; a header line in the middle (concatenated files) is skipped too. Counters of the
 * reverse direction make a row a biflow. Blank addresses of a profile are drawn from 10.0.0.0/8 or fd00::/8, seeded by row.
 */

import type { FlowBatch, UnreadableCause } from '../base/flow-batch.js';
import { type ColumnMap, columnsOf, type Meaning } from './csv-columns.js';
import type { FlowFormat, Input, ReadOptions } from './format.js';
import { lineRuns } from './lines.js';
import { fillRecord, textBatch, textMessages } from './text-record.js';

export const headerCsv: FlowFormat = { name: 'CSV with a header (nfdump, FlowTest, Weir, or by --columns)', detect, read };

function detect(head: Uint8Array, options: ReadOptions): boolean {
  const first =
    Buffer.from(head.subarray(0, 8192))
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .split('\n', 1)[0] ?? '';
  return columnsOf(first, options.columns) !== undefined;
}

async function* read(input: Input, options: ReadOptions): AsyncGenerator<FlowBatch, number> {
  let map: ColumnMap | undefined;
  let header = '';
  let batch: FlowBatch | undefined;
  let [line, rows, isSummary] = [0, 0, false];
  let fault: { error: unknown } | undefined;
  try {
    for await (const { bytes, start, end } of lineRuns(input.chunks())) {
      for (const text of Buffer.from(bytes.subarray(start, end)).toString('utf8').replace(/\n$/, '').split('\n')) {
        if (start === end) break;
        line++;
        const row = text.replace(/\r$/, '');
        if (map === undefined) {
          header = row.replace(/^\uFEFF/, '');
          map = columnsOf(header, options.columns);
          continue;
        }
        if (row.trim() === '' || row === header || row.startsWith('#')) {
          isSummary &&= row !== header;
          continue;
        }
        if (/^Summary\b/.test(row)) isSummary = true;
        if (isSummary) continue;
        rows++;
        batch ??= textBatch(new Set(map.at.keys()), options);
        const cause = fillRow(splitRow(row), map, batch, batch.count, options, options.numberBefore + rows);
        if (cause === undefined) {
          batch.place[batch.count] = line;
          if (batch.originals !== undefined) batch.originals[batch.count] = row;
          batch.number[batch.count++] = options.numberBefore + rows;
        } else
          options.reject({
            file: input.file,
            line,
            cause,
            count: 1,
            original: row.slice(0, 4096),
            message: cause === 'columns' ? `expected the ${map.fieldCount} columns of the header` : textMessages[cause],
          });
        if (batch.count === batch.capacity) {
          yield batch;
          batch = undefined;
        }
      }
    }
  } catch (error) {
    // A damaged stream: the rows before the damage count.
    fault = { error };
  }
  if (batch !== undefined && batch.count > 0) yield batch;
  if (fault !== undefined) throw fault.error;
  return rows;
}

/** Fields of a row; quotes as RFC 4180 has them. */
function splitRow(row: string): string[] {
  if (!row.includes('"')) return row.split(',');
  const fields: string[] = [];
  for (const match of row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  return fields;
}

function fillRow(
  fields: readonly string[],
  map: ColumnMap,
  batch: FlowBatch,
  index: number,
  options: ReadOptions,
  number: number,
): UnreadableCause | undefined {
  if (fields.length !== map.fieldCount) return 'columns';
  const text = (meaning: Meaning): string | undefined => {
    const column = map.at.get(meaning);
    return column === undefined ? undefined : (fields[column.index] ?? '').trim();
  };
  return fillRecord({ text, unit: (meaning) => map.at.get(meaning)?.unit ?? 0 }, batch, index, options, number);
}
