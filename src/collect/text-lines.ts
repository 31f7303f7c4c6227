/**
 * What readers of flow lines share (Zeek, JSON, cloud logs): lines are numbered, each becomes a record of texts, is passed over, or is rejected
 * with its cause; a stream that is damaged gives what came before. A reader says only what a line means.
 */

import type { FlowBatch, UnreadableCause } from '../base/flow-batch.js';
import type { Meaning } from './csv-columns.js';
import type { Input, ReadOptions } from './format.js';
import { lineRuns } from './lines.js';
import { fillRecord, type TextRecord, textBatch, textMessages } from './text-record.js';

/** What a line is: a record, no data row, or one that cannot be read, with what was expected. */
export type LineReading = TextRecord | 'skip' | { readonly cause: UnreadableCause; readonly message: string };

/** A piece of input that holds one record, and the line that it begins on. */
interface Piece {
  readonly text: string;
  readonly line: number;
}

/** Streams the records of lines, or of what `pieces` cuts the lines into. Returns the number of data rows. */
export async function* readTextLines(
  input: Input,
  options: ReadOptions,
  columns: ReadonlySet<Meaning>,
  readLine: (text: string) => LineReading,
  pieces: (lines: AsyncIterable<Piece>) => AsyncIterable<Piece> = (lines) => lines,
): AsyncGenerator<FlowBatch, number> {
  let batch: FlowBatch | undefined;
  let rows = 0;
  let fault: { error: unknown } | undefined;
  try {
    for await (const { text, line } of pieces(linesOf(input))) {
      const reading = readLine(text);
      if (reading === 'skip') continue;
      rows++;
      batch ??= textBatch(columns, options);
      const isRecord = 'text' in reading;
      const cause = isRecord ? fillRecord(reading, batch, batch.count, options, options.numberBefore + rows) : reading.cause;
      if (cause === undefined) {
        batch.place[batch.count] = line;
        if (batch.originals !== undefined) batch.originals[batch.count] = text;
        batch.number[batch.count++] = options.numberBefore + rows;
      } else {
        const message = isRecord ? textMessages[cause] : reading.message;
        options.reject({ file: input.file, line, cause, count: 1, original: text.slice(0, 4096), message });
      }
      if (batch.count === batch.capacity) {
        yield batch;
        batch = undefined;
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

async function* linesOf(input: Input): AsyncGenerator<Piece> {
  let line = 0;
  for await (const { bytes, start, end } of lineRuns(input.chunks())) {
    if (start === end) continue;
    for (const text of Buffer.from(bytes.subarray(start, end)).toString('utf8').replace(/\n$/, '').split('\n')) {
      line++;
      yield { text: (line === 1 ? text.replace(/^\uFEFF/, '') : text).replace(/\r$/, ''), line };
    }
  }
}

/** The first lines of an input, whole ones. */
export function firstLines(head: Uint8Array, count: number): string[] {
  return Buffer.from(head.subarray(0, 16384))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/, count);
}
