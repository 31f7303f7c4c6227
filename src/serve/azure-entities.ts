/** Entities of the table protocol: inserted, read, changed and deleted one at a time, and queried in pages. */

import { type Entity, entitySizeMax, etagOf, readEntity } from '../query/entity.js';
import { get } from '../query/take.js';
import { checkKeys } from './azure-address.js';
import { AzureFault, type Metadata } from './azure-answers.js';
import { readPage, readSelect, readTop, type Shape, tokenOf, writeEntity } from './azure-query.js';
import { accountOf, answerOf, baseOf, bodyOf, metadataWanted, prefersNoContent, type Request, tableNamed } from './azure-request.js';
import type { Change, Outcome } from './azure-writer.js';
import type { Answer } from './route.js';

/** A body may say in more bytes what an entity keeps in fewer. */
const bodySizeMax = 2 * entitySizeMax;

export interface Keys {
  readonly table: string;
  readonly partition: string;
  readonly row: string;
}

export async function insertEntity(request: Request, name: string): Promise<Answer> {
  const table = await tableNamed(request, name);
  const change = insertOf(request, table, await bodyOf(request, bodySizeMax));
  const [record] = await request.services.azureWriter.apply([change]);
  const reply = replyOf(request, change, record, prefersNoContent(request.web.message.headers.prefer), metadataWanted(request));
  return answerOf(request, reply.status, reply.body, reply.headers);
}

export async function changeEntity(request: Request, keys: Keys): Promise<Answer> {
  const table = await tableNamed(request, keys.table);
  const { method, web } = request;
  const body = method === 'DELETE' ? '' : await bodyOf(request, bodySizeMax);
  const change = changeOf(request, { ...keys, table }, method, web.message.headers['if-match'], body);
  const [record] = await request.services.azureWriter.apply([change]);
  const reply = replyOf(request, change, record, true, metadataWanted(request));
  return answerOf(request, reply.status, reply.body, reply.headers);
}

export async function readEntityAt(request: Request, keys: Keys): Promise<Answer> {
  const table = await tableNamed(request, keys.table);
  request.grant.needs(['r'], 'o', table);
  checkKeys(table, keys.partition, keys.row);
  const record = request.grant.covers(keys.partition, keys.row)
    ? await get(request.services.records, table, keys.partition, keys.row)
    : undefined;
  if (record === undefined) throw new AzureFault('ResourceNotFound');
  const shape = shapeOf(request, table);
  const body = writeEntity(keys.partition, record, shape, `${shape.base}/$metadata#${table}/@Element`);
  return answerOf(request, 200, body, { ETag: etagOf(record.at) });
}

export async function queryEntities(request: Request, name: string): Promise<Answer> {
  const { web, services, grant } = request;
  const { parameters } = web;
  const top = readTop(parameters.get('$top'));
  const table = await tableNamed(request, name);
  grant.needs(['r'], 'o', table);
  const question = {
    filter: parameters.get('$filter'),
    top,
    nextPartition: parameters.get('NextPartitionKey'),
    nextRow: parameters.get('NextRowKey'),
  };
  const shape = shapeOf(request, table);
  const { entities, next } = await readPage(services.records, question, shape, grant);
  const context = shape.metadata === 'nometadata' ? '' : `"odata.metadata":${JSON.stringify(`${shape.base}/$metadata#Tables/@Element`)},`;
  const headers =
    next === undefined
      ? {}
      : { 'x-ms-continuation-NextPartitionKey': tokenOf(next.partition), 'x-ms-continuation-NextRowKey': tokenOf(next.row) };
  return answerOf(request, 200, `{${context}"value":[${entities.join(',')}]}`, headers);
}

function shapeOf(request: Request, table: string): Shape {
  const select = readSelect(request.web.parameters.get('$select'));
  return { metadata: metadataWanted(request), select, base: baseOf(request), account: accountOf(request), table };
}

/** An insert, from a body. Throws AzureFault or BadEntity. */
export function insertOf({ grant }: Request, table: string, body: string): Change {
  const { partition, row, properties } = readEntity(body);
  if (partition === undefined || row === undefined) throw new AzureFault('PropertiesNeedValue');
  checkKeys(table, partition, row);
  grant.needs(['a'], 'o', table);
  if (!grant.covers(partition, row)) throw new AzureFault('AuthorizationFailure');
  return { kind: 'insert', table, partition, row, properties, ifMatch: undefined };
}

/** A change of one entity, from method, If-Match and body. Throws AzureFault or BadEntity. */
export function changeOf({ grant }: Request, keys: Keys, method: string, ifMatch: string | undefined, body: string): Change {
  const { table, partition, row } = keys;
  checkKeys(table, partition, row);
  if (!grant.covers(partition, row)) throw new AzureFault('AuthorizationFailure');
  if (ifMatch !== undefined && ifMatch !== '*' && !/^W\/"datetime'[^"']{1,60}'"$/.test(ifMatch))
    throw new AzureFault(
      'InvalidInput',
      `The etag value '${ifMatch.slice(0, 100)}' specified in one of the request headers is not valid. Please make sure only one etag value is specified and is valid.`,
    );
  if (method === 'DELETE') {
    if (ifMatch === undefined) throw new AzureFault('InvalidInput', 'The If-Match header is missing (expected an ETag or *).');
    grant.needs(['d'], 'o', table);
    return { kind: 'delete', table, partition, row, properties: [], ifMatch };
  }
  grant.needs(ifMatch === undefined ? ['a', 'u'] : ['u'], 'o', table);
  const entity: Entity = readEntity(body);
  if ((entity.partition ?? partition) !== partition || (entity.row ?? row) !== row) throw new AzureFault('InvalidInput');
  return { kind: method === 'PUT' ? 'replace' : 'merge', table, partition, row, properties: entity.properties, ifMatch };
}

/** What is said of a change that was made. */
export function replyOf(
  request: Request,
  change: Change,
  record: Outcome,
  noContent: boolean,
  metadata: Metadata,
): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const { table, partition, row, kind } = change;
  if (record === undefined) return { status: 204, headers: {}, body: '' };
  const base = baseOf(request);
  const keyOf = (key: string): string => encodeURIComponent(key.replaceAll("'", "''"));
  const place = `${base}/${table}(PartitionKey='${keyOf(partition)}',RowKey='${keyOf(row)}')`;
  const etag = { ETag: etagOf(record.at) };
  if (kind !== 'insert') return { status: 204, headers: { ...etag, DataServiceId: place }, body: '' };
  const headers = {
    ...etag,
    Location: place,
    DataServiceId: place,
    'Preference-Applied': noContent ? 'return-no-content' : 'return-content',
  };
  if (noContent) return { status: 204, headers, body: '' };
  const body = writeEntity(
    partition,
    record,
    { metadata, select: undefined, base, account: accountOf(request), table },
    `${base}/$metadata#${table}/@Element`,
  );
  return { status: 201, headers, body };
}
