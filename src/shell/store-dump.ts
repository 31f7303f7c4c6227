/**
 * `weir store dump`: what the store holds, kind by kind, as CSV (a header a kind, a blank line between kinds) or as JSON lines that name their kind. One literal
 * table says which columns a kind has; bytes that have no figures of their own are Base64. Times are epoch seconds.
 */

import { Usage } from '../base/faults.js';
import { countMembers, membersAreExact } from '../fold/member-set.js';
import { decodeTimer } from '../fold/timer-values.js';
import type { LmdbStore } from '../keep/lmdb.js';
import type { DumpKind, DumpRows, StoredPart } from '../keep/lmdb-dump.js';
import type { World } from './command.js';

type Fields = Readonly<Record<string, unknown>>;
type Column = readonly [csv: string, json: string];

interface DumpFormat<K extends DumpKind> {
  /** Names of the columns, of CSV and of JSON where they differ. */
  readonly columns: readonly (string | Column)[];
  readonly fieldsOf: (row: DumpRows[K]) => Fields;
}

const placed = ['series', 'step', ['time', 'slot']] as const;
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const formats: { readonly [K in DumpKind]: DumpFormat<K> } = {
  measure: {
    columns: [...placed, 'count', 'sum', 'min', 'max', 'last', ['last_at', 'lastAt'], 'filled'],
    fieldsOf: (row) => ({ ...row }),
  },
  state: {
    columns: [...placed, ['known_ms', 'knownMs'], ['unknown_ms', 'unknownMs'], 'integral', 'min', 'max', 'last', ['last_at', 'lastAt']],
    fieldsOf: ({ integrals, mins, maxs, lasts, lastAts, ...row }) => ({
      ...row,
      ...{ integral: integrals, min: mins, max: maxs, last: lasts, lastAt: lastAts / 1000 },
    }),
  },
  histogram: {
    columns: [...placed, 'count', 'values', 'sum', 'min', 'max', 'exact'],
    fieldsOf: (row) => {
      const { weight, total, sum, min, max, exact } = decodeTimer(row.bytes);
      return { ...placeOf(row), count: weight, values: total, sum, min, max, exact };
    },
  },
  distinct: {
    columns: [...placed, 'count', 'exact'],
    fieldsOf: (row) => ({ ...placeOf(row), count: countMembers(row.bytes), exact: membersAreExact(row.bytes) }),
  },
  tally: { columns: [...placed, 'bytes'], fieldsOf: (row) => ({ ...placeOf(row), bytes: base64(row.bytes) }) },
  record: { columns: ['table', 'partition', 'row', 'at', 'value'], fieldsOf: (row) => ({ ...row, at: row.at / 1e6 }) },
  flow: {
    columns: ['arrived', 'flows', 'first', 'last', 'size', 'bytes'],
    fieldsOf: ({ arrived, rows, first, last, bytes }) => ({
      ...{ arrived, flows: rows, first: first[0], last: last[1] },
      ...{ size: bytes.length, bytes: base64(bytes) },
    }),
  },
  note: {
    columns: ['name', 'size', 'text', 'bytes'],
    fieldsOf: ({ name, value }) => {
      const read = Buffer.from(value).toString();
      // Control characters, and what is no UTF-8.
      const isText = !/[\p{Cc}\ufffd]/u.test(read);
      return { name, size: value.length, ...(isText ? { text: read } : { bytes: base64(value) }) };
    },
  },
};

export const dumpKinds = Object.keys(formats) as DumpKind[];

/** The kinds of `--kind`: names with commas between them; all when it is not given. Throws Usage. */
export function kindsOf(words: string | undefined): readonly DumpKind[] {
  if (words === undefined) return dumpKinds;
  const kinds = words.split(',');
  const wrong = kinds.find((kind) => !Object.hasOwn(formats, kind));
  if (wrong !== undefined) throw new Usage(`--kind '${wrong}' (expected some of ${dumpKinds.join(', ')})`);
  return kinds as DumpKind[];
}

/** Prints the rows of some kinds. In CSV the first of them has its header even without a row. */
export async function dumpStore(
  store: LmdbStore,
  kinds: readonly DumpKind[],
  prefix: string,
  json: boolean,
  { stdout }: World,
): Promise<void> {
  const write = async (text: string): Promise<void> => {
    if (!stdout.write(text)) await new Promise((resolve) => stdout.once('drain', resolve));
  };
  for (const kind of kinds) {
    const { columns, fieldsOf } = formats[kind] as DumpFormat<DumpKind>;
    const named = columns.map((column): Column => (typeof column === 'string' ? [column, column] : column));
    const header = `${kind === kinds[0] ? '' : '\n'}${named.map(([csv]) => csv).join(',')}\n`;
    let lines = !json && kind === kinds[0] ? header : '';
    let any = lines !== '';
    for (const row of store.dump(kind, prefix)) {
      if (!json && !any) lines += header;
      any = true;
      const fields = fieldsOf(row);
      lines += json ? `${JSON.stringify({ kind, ...fields })}\n` : `${named.map(([, name]) => csvOf(fields[name])).join(',')}\n`;
      if (lines.length < 65_536) continue;
      await write(lines);
      lines = '';
    }
    await write(lines);
  }
}

function placeOf({ series, step, slot }: StoredPart): Fields {
  return { series, step, slot };
}

function csvOf(value: unknown): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
