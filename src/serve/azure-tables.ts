/** Tables of the table protocol: made, listed, shown, deleted; and what a client may ask of the service and of access policies, of which there are none to keep. */

import { checkTable } from './azure-address.js';
import { AzureFault, commonHeaders } from './azure-answers.js';
import { lookupTable, readFilter, readToken, readTop, tokenOf } from './azure-query.js';
import { answerOf, baseOf, bodyOf, metadataWanted, prefersNoContent, type Request, tableNamed } from './azure-request.js';
import type { Answer } from './route.js';

const bodySizeMax = 65_536;
const nameBytesMax = 63;

export async function createTable(request: Request): Promise<Answer> {
  const { grant, services, web } = request;
  let name: unknown;
  try {
    name = (JSON.parse(await bodyOf(request, bodySizeMax)) as { TableName?: unknown } | null)?.TableName;
  } catch (error) {
    throw error instanceof SyntaxError ? new AzureFault('InvalidInput') : error;
  }
  if (typeof name !== 'string') throw new AzureFault('InvalidInput');
  checkTable(name);
  if (name.toLowerCase() === 'tables') throw new AzureFault('InvalidResourceName');
  grant.needs(['c'], 'c');
  if (services.tables.isDoomed(name)) throw new AzureFault('TableBeingDeleted');
  if (!(await services.tables.create(name))) throw new AzureFault('TableAlreadyExists');
  const base = baseOf(request);
  const place = `${base}/Tables('${name}')`;
  if (prefersNoContent(web.message.headers.prefer))
    return answerOf(request, 204, '', { 'Preference-Applied': 'return-no-content', Location: place, DataServiceId: place });
  const links =
    metadataWanted(request) === 'fullmetadata'
      ? { 'odata.type': 'weir.Tables', 'odata.id': place, 'odata.editLink': `Tables('${name}')` }
      : {};
  return answerOf(request, 201, one(request, '#Tables/@Element', { ...links, TableName: name }), {
    'Preference-Applied': 'return-content',
    Location: place,
  });
}

export async function listTables(request: Request): Promise<Answer> {
  const { grant, services, web } = request;
  grant.needs(['l'], 'c');
  const top = readTop(web.parameters.get('$top'));
  const filter = readFilter(web.parameters.get('$filter'));
  const token = web.parameters.get('NextTableName');
  const from = token === null ? '' : readToken(token).slice(0, nameBytesMax).toLowerCase();
  const found = (await services.tables.names()).filter(
    (name) => isServed(name) && name.toLowerCase() >= from && (filter === undefined || filter.passes(lookupTable(name))),
  );
  const value = found.slice(0, top).map((name) => ({ TableName: name }));
  const next = found[top];
  return answerOf(
    request,
    200,
    one(request, '#Tables', { value }),
    next === undefined ? {} : { 'x-ms-continuation-NextTableName': tokenOf(next) },
  );
}

export async function showTable(request: Request, name: string): Promise<Answer> {
  request.grant.needs(['l'], 'c');
  const found = await request.services.tables.find(name);
  if (found === undefined) throw new AzureFault('ResourceNotFound');
  return answerOf(request, 200, one(request, '#Tables/@Element', { TableName: found }));
}

export async function deleteTable(request: Request, name: string): Promise<Answer> {
  request.grant.needs(['d'], 'c');
  const found = await request.services.tables.find(name);
  if (found === undefined) throw new AzureFault('ResourceNotFound');
  await request.services.tables.delete(found);
  return answerOf(request, 204, '');
}

/** The service's properties: none can be set. */
export function serviceProperties(request: Request, comp: string): Answer {
  request.grant.needs(['r'], 's');
  const off = '<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>';
  const body =
    comp === 'stats'
      ? '<StorageServiceStats><GeoReplication><Status>unavailable</Status><LastSyncTime></LastSyncTime></GeoReplication></StorageServiceStats>'
      : `<StorageServiceProperties><Logging><Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging><HourMetrics>${off}</HourMetrics><MinuteMetrics>${off}</MinuteMetrics><Cors /></StorageServiceProperties>`;
  return xml(request, body);
}

/** Access policies of a table: there are none, and none can be set. */
export async function tableAcl(request: Request, name: string): Promise<Answer> {
  await tableNamed(request, name);
  if (request.method !== 'GET') throw new AzureFault('NotImplemented');
  request.grant.needs(['r'], 'c');
  return xml(request, '<SignedIdentifiers />');
}

function xml({ web }: Request, body: string): Answer {
  return { type: 'application/xml', body: `<?xml version="1.0" encoding="utf-8"?>${body}`, headers: commonHeaders(web.message) };
}

/** Whether the protocol can name a table. */
function isServed(name: string): boolean {
  return /^[A-Za-z][A-Za-z\d]{2,62}$/.test(name);
}

function one(request: Request, context: string, fields: object): string {
  const head = metadataWanted(request) === 'nometadata' ? {} : { 'odata.metadata': `${baseOf(request)}/$metadata${context}` };
  return JSON.stringify({ ...head, ...fields });
}
