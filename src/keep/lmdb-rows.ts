/** The rows of a scan of the embedded store, kind by kind. Ranges are bounded here before anything is allocated. */

import { Refused } from '../base/faults.js';
import { flowBlocks } from './lmdb-flows.js';
import type { SeriesFacts } from './lmdb-fold.js';
import { recordBlocks } from './lmdb-records.js';
import { readMeasures, readParts } from './lmdb-scan.js';
import { readStates } from './lmdb-states.js';
import { type Tables, text } from './lmdb-tables.js';
import { readValues } from './lmdb-values.js';
import type { OpenCells } from './open-cells.js';
import type { SeriesNames } from './series-names.js';
import type { CellKind, CellRange, Kind, Ranges } from './store.js';

export interface RowSource {
  readonly tables: Tables;
  readonly names: SeriesNames;
  readonly facts: SeriesFacts;
  /** Generations of open cells that may hold a series. */
  readonly open: (series: number) => readonly OpenCells[];
}

const slotsMax = 50_000_000;
const timeMax = 0xffffffff;

export function rowsOf(kind: Kind, range: Ranges[Kind], source: RowSource): AsyncIterable<unknown> {
  return kind === 'record' ? recordBlocks(source.tables, range as Ranges['record']) : otherRows(kind, range, source);
}

async function* otherRows(kind: Exclude<Kind, 'record'>, range: Ranges[Kind], source: RowSource): AsyncIterable<unknown> {
  const { tables, names } = source;
  switch (kind) {
    case 'flow':
      return yield* flowBlocks(tables, range as Ranges['flow']);
    case 'note': {
      const { prefix } = range as Ranges['note'];
      const start = prefix === '' ? Buffer.of(0) : text(prefix);
      for (const { key, value } of tables.by.notes.getRange({ start })) {
        const name = key.toString();
        if (!name.startsWith(prefix)) break;
        yield { name, value: Buffer.from(value) };
      }
      return;
    }
    case 'series': {
      for (const name of names.names((range as Ranges['series']).prefix ?? '')) yield { name };
      return;
    }
    default:
      yield* cellRows(kind, range as CellRange, source);
  }
}

async function* cellRows(kind: CellKind, range: CellRange, { tables, names, facts, open }: RowSource): AsyncIterable<unknown> {
  const { stepSeconds } = range;
  const [start, end] = [Math.max(0, range.start), Math.min(timeMax, range.end)];
  if (!(stepSeconds > 0) || (end - start) / stepSeconds > slotsMax)
    throw new Refused(`a scan of ${(end - start) / stepSeconds} slots (expected at most ${slotsMax})`);
  for (const name of range.series) {
    const series = names.find(name, kind === 'tally');
    if (series < 0) continue;
    if (kind === 'measure') {
      const values = range.valuesOnly === true ? readValues(tables, facts, open(series), name, series, stepSeconds, start, end) : undefined;
      yield values ?? readMeasures(tables, facts, open(series), name, series, stepSeconds, start, end, range.isShown);
    } else if (kind === 'state') {
      const row = readStates(
        tables,
        facts,
        open(series).map(({ states }) => states),
        name,
        series,
        stepSeconds,
        start,
        end,
      );
      if (row !== undefined) yield row;
    } else yield* readParts(tables, facts, open(Number.POSITIVE_INFINITY), kind, name, series, stepSeconds, start, end);
  }
}
