/**
 * Entities as answers: one, or a page of those that a filter passes. A page holds what `$top` asks for and 1,000 at most, and ends early when too much was looked at in vain; where more
 * may follow, the two continuation headers name the entity that comes next, in base64. Entities are written straight from the form in which they are stored, wherever that form is what the level of metadata asks for.
 */

import { compareRows, type StoredRecord } from '../keep/record-block.js';
import type { RecordRange, Rows } from '../keep/store.js';
import { etagOf, type Property, propertiesOf, storedOf, ticksOf, timestampOf } from '../query/entity.js';
import { type Comparable, compileFilter, type EntityFilter, type Lookup } from '../query/entity-filter.js';
import { AzureFault, type Metadata } from './azure-answers.js';
import type { Grant } from './azure-keys.js';
import type { RecordStore } from './services.js';

export const pageMax = 1000;
/** Entities that one page may look at. */
const scannedMax = 50_000;
/** Characters of entities at which a page ends. */
const pageSizeMax = 4 << 20;

/** How entities are to look. */
export interface Shape {
  readonly metadata: Metadata;
  /** Names of the properties asked for; undefined: all. */
  readonly select: ReadonlySet<string> | undefined;
  /** Address of the service, for links. */
  readonly base: string;
  readonly account: string | undefined;
  readonly table: string;
}

export interface PageQuestion {
  readonly filter: string | null;
  readonly top: number;
  readonly nextPartition: string | null;
  readonly nextRow: string | null;
}

export interface Page {
  readonly entities: readonly string[];
  readonly next: { readonly partition: string; readonly row: string } | undefined;
}

/** Reads `$top`. Throws AzureFault when it is no number from 1 to 1,000. */
export function readTop(text: string | null): number {
  if (text === null) return pageMax;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1 || Number(text) > pageMax) throw new AzureFault('InvalidInput');
  return Number(text);
}

export function readSelect(text: string | null): ReadonlySet<string> | undefined {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.length === 0 || names.includes('*') ? undefined : new Set(names);
}

/** Compiles a filter. Throws AzureFault. */
export function readFilter(text: string | null): EntityFilter | undefined {
  if (text === null || text.trim() === '') return undefined;
  try {
    return compileFilter(text);
  } catch {
    throw new AzureFault('InvalidInput', 'The query condition specified in the request is invalid.');
  }
}

/** Reads a page. */
export async function readPage(store: RecordStore, question: PageQuestion, shape: Shape, grant: Grant): Promise<Page> {
  const filter = readFilter(question.filter);
  const range = rangeOf(question, filter, shape.table);
  if (range === undefined) return { entities: [], next: undefined };
  const isExact = grant.coversAll && (filter === undefined || (filter.isBounds && range.untilRow === filter.bounds.untilRow));
  const page = new OpenPage(question.top, shape, grant, isExact ? undefined : filter);
  // What is asked for is known to be all that there is to read: it is read at once, and nothing behind it.
  const scan = store.scan('record', isExact ? { ...range, limit: question.top + 1 } : range);
  if (isExact && Symbol.iterator in scan) {
    for (const { partition, rows } of scan as unknown as Iterable<Rows['record']>) if (!page.takes(partition, rows)) break;
  } else for await (const { partition, rows } of scan) if (!page.takes(partition, rows)) break;
  return page;
}

/** A page that is being filled. */
class OpenPage implements Page {
  readonly entities: string[] = [];
  next: Page['next'];
  readonly #top: number;
  readonly #shape: Shape;
  readonly #grant: Grant;
  readonly #filter: EntityFilter | undefined;
  #scanned = 0;
  #size = 0;

  constructor(top: number, shape: Shape, grant: Grant, filter: EntityFilter | undefined) {
    this.#top = top;
    this.#shape = shape;
    this.#grant = grant;
    this.#filter = filter;
  }

  /** Takes neighbouring rows; answers whether there is room for more. */
  takes(partition: string, rows: readonly StoredRecord[]): boolean {
    const filter = this.#filter;
    const { untilPartition } = filter?.bounds ?? {};
    if (untilPartition !== undefined && compareRows(partition, untilPartition) >= 0) return false;
    for (const record of rows) {
      if (!this.#grant.coversAll && !this.#grant.covers(partition, record.row)) continue;
      if (filter !== undefined && !filter.passes(lookupOf(partition, record, filter.needsProperties))) {
        if (++this.#scanned < scannedMax) continue;
        this.next = { partition, row: `${record.row}\u0001` };
        return false;
      }
      if (this.entities.length >= this.#top || this.#size >= pageSizeMax) {
        this.next = { partition, row: record.row };
        return false;
      }
      const entity = writeEntity(partition, record, this.#shape);
      this.#size += entity.length;
      this.entities.push(entity);
    }
    return true;
  }
}

// The range of the store that holds what the filter may pass; undefined when there can be nothing.
function rangeOf({ nextPartition, nextRow }: PageQuestion, filter: EntityFilter | undefined, table: string): RecordRange | undefined {
  const { partition, fromPartition = '', fromRow = '', untilRow } = filter?.bounds ?? {};
  for (const key of [partition, fromPartition, fromRow])
    if (key !== undefined && (key.includes('\0') || Buffer.byteLength(key) > 1700)) return undefined;
  const token = nextPartition === null ? undefined : { partition: readToken(nextPartition), row: readToken(nextRow ?? emptyToken) };
  if (partition === undefined) {
    if (token === undefined || compareRows(token.partition, fromPartition) < 0) return { table, fromPartition };
    return { table, fromPartition: token.partition, fromRow: token.row };
  }
  if (token !== undefined && token.partition !== partition)
    return compareRows(token.partition, partition) > 0 ? undefined : { table, partition, fromRow };
  const first = token !== undefined && compareRows(token.row, fromRow) > 0 ? token.row : fromRow;
  const until = untilRow === undefined || untilRow.includes('\0') || Buffer.byteLength(untilRow) > 1700 ? {} : { untilRow };
  return { table, partition, fromRow: first, ...until };
}

const emptyToken = '1!0!';

/** A key as a continuation header. */
export function tokenOf(key: string): string {
  return key === '' ? emptyToken : Buffer.from(key).toString('base64');
}

/** Throws AzureFault for what is no token. */
export function readToken(token: string): string {
  const text = /^1!\d+!(.*)$/s.exec(token)?.[1] ?? token;
  if (!/^[A-Za-z\d+/]*={0,2}$/.test(text) || text.length % 4 !== 0 || text.length > 4096 || token === '')
    throw new AzureFault('InvalidInput');
  const key = Buffer.from(text, 'base64').toString();
  if (key.includes('\0') || Buffer.from(key).toString('base64') !== text) throw new AzureFault('InvalidInput');
  return key;
}

/** What a filter over tables may ask. */
export function lookupTable(name: string): Lookup {
  return (property) => (property === 'TableName' ? { kind: 'text', text: name } : undefined);
}

function lookupOf(partition: string, { row, at, value }: StoredRecord, needsProperties: boolean): Lookup {
  const fields = needsProperties ? (JSON.parse(value) as Record<string, unknown>) : {};
  return (name) => {
    if (name === 'PartitionKey') return { kind: 'text', text: partition };
    if (name === 'RowKey') return { kind: 'text', text: row };
    if (name === 'Timestamp') return { kind: 'time', text: ticksOf(timestampOf(at)) as string };
    return Object.hasOwn(fields, name) ? comparableOf(fields[name], fields[`${name}@odata.type`]) : undefined;
  };
}

function comparableOf(value: unknown, type: unknown): Comparable | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  switch (type) {
    case 'Edm.Int64':
      return /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
    case 'Edm.Double':
      return Number(value);
    case 'Edm.DateTime': {
      const text = ticksOf(value);
      return text === undefined ? undefined : { kind: 'time', text };
    }
    case 'Edm.Guid':
      return { kind: 'guid', text: value.toLowerCase().replaceAll('-', '') };
    case 'Edm.Binary':
      return { kind: 'bytes', text: Buffer.from(value, 'base64').toString('hex') };
    default:
      return { kind: 'text', text: value };
  }
}

/** An entity as JSON. `context` is the link that stands first in an entity by itself. */
export function writeEntity(partition: string, { row, at, value }: StoredRecord, shape: Shape, context?: string): string {
  const { metadata, select } = shape;
  const stamp = stampOf(at);
  const head: string[] = [];
  if (metadata !== 'nometadata') {
    if (context !== undefined) head.push(`"odata.metadata":${JSON.stringify(context)}`);
    if (metadata === 'fullmetadata') {
      const key = `(PartitionKey='${encodeURIComponent(partition.replaceAll("'", "''"))}',RowKey='${encodeURIComponent(row.replaceAll("'", "''"))}')`;
      head.push(
        `"odata.type":${JSON.stringify(`${shape.account ?? 'weir'}.${shape.table}`)}`,
        `"odata.id":${JSON.stringify(`${shape.base}/${shape.table}${key}`)}`,
      );
      head.push(stamp.etag, `"odata.editLink":${JSON.stringify(shape.table + key)}`);
    } else head.push(stamp.etag);
  }
  const wants = (name: string): boolean => select === undefined || select.has(name);
  if (wants('PartitionKey')) head.push(`"PartitionKey":${JSON.stringify(partition)}`);
  if (wants('RowKey')) head.push(`"RowKey":${JSON.stringify(row)}`);
  if (metadata === 'minimalmetadata' && select === undefined && !unusual.test(value)) {
    if (value.length > 2) head.push(value.slice(1, -1));
  } else {
    const properties = propertiesOf(value).filter(({ name }) => wants(name));
    if (properties.length > 0) head.push(fieldsOf(properties, metadata));
  }
  if (wants('Timestamp')) head.push(metadata === 'fullmetadata' ? `"Timestamp@odata.type":"Edm.DateTime",${stamp.time}` : stamp.time);
  return `{${head.join(',')}}`;
}

// Records that came by another way may nest, hold nulls, or have names of the protocol's own.
const unusual = /^.+[{[]|"(?:PartitionKey|RowKey|Timestamp|odata\.[^"]*)":|:null[,}]/s;

function fieldsOf(properties: readonly Property[], metadata: Metadata): string {
  if (metadata === 'nometadata') return properties.map(({ name, json }) => `${JSON.stringify(name)}:${json}`).join(',');
  return storedOf(properties).slice(1, -1);
}

let lastStamp = { at: -1, etag: '', time: '' };

// Neighbours were often put together: their time is written once.
function stampOf(at: number): typeof lastStamp {
  if (lastStamp.at !== at) lastStamp = { at, etag: `"odata.etag":${JSON.stringify(etagOf(at))}`, time: `"Timestamp":"${timestampOf(at)}"` };
  return lastStamp;
}
