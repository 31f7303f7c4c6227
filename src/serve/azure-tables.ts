/** Tables of the table protocol: made, listed, shown, deleted; and what a client may ask of the service and of access policies. */

import { checkTable } from './azure-address.js';
import { AzureFault, commonHeaders } from './azure-answers.js';
import { readPolicies, readProperties, writePolicies, writeProperties } from './azure-policies.js';
import { lookupTable, readFilter, readToken, readTop, tokenOf } from './azure-query.js';
import { accountOf, answerOf, baseOf, bodyOf, metadataWanted, prefersNoContent, type Request, tableNamed } from './azure-request.js';
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
  return answerOf(request, 201, one(request, '#Tables/@Element', entryOf(request, name)), {
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
  const value = found.slice(0, top).map((name) => entryOf(request, name));
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
  return answerOf(request, 200, one(request, '#Tables/@Element', entryOf(request, found)));
}

export async function deleteTable(request: Request, name: string): Promise<Answer> {
  request.grant.needs(['d'], 'c');
  const found = await request.services.tables.find(name);
  if (found === undefined) throw new AzureFault('ResourceNotFound');
  await request.services.azurePolicies.ready();
  if (request.services.azurePolicies.of(found).length > 0) await request.services.azurePolicies.set(found, []);
  await request.services.tables.delete(found);
  return answerOf(request, 204, '');
}

/** The service's properties, given back as they were set; and its statistics. */
export async function serviceProperties(request: Request, comp: string): Promise<Answer> {
  const { grant, method, services } = request;
  if (method !== 'GET' && (method !== 'PUT' || comp !== 'properties')) throw new AzureFault('MethodNotAllowed');
  grant.needs([method === 'GET' ? 'r' : 'w'], 's');
  await services.azurePolicies.ready();
  const { properties } = services.azurePolicies;
  if (method === 'PUT') {
    await services.azurePolicies.setProperties(readProperties(await bodyOf(request, bodySizeMax), properties));
    return { ...xml(request, ''), status: 202 };
  }
  if (comp === 'properties') return xml(request, writeProperties(properties));
  return xml(
    request,
    '<StorageServiceStats><GeoReplication><Status>unavailable</Status><LastSyncTime></LastSyncTime></GeoReplication></StorageServiceStats>',
  );
}

/** Access policies of a table: shown, or set in place of those before. */
export async function tableAcl(request: Request, name: string): Promise<Answer> {
  const { grant, method, services } = request;
  const table = await tableNamed(request, name);
  if (method !== 'GET' && method !== 'PUT') throw new AzureFault('MethodNotAllowed');
  grant.needs([method === 'GET' ? 'r' : 'w'], 'c');
  await services.azurePolicies.ready();
  if (method === 'GET') return xml(request, writePolicies(services.azurePolicies.of(table)));
  await services.azurePolicies.set(table, readPolicies(await bodyOf(request, bodySizeMax)));
  return { ...xml(request, ''), status: 204 };
}

function xml({ web }: Request, body: string): Answer {
  return {
    type: 'application/xml',
    body: body === '' ? '' : `<?xml version="1.0" encoding="utf-8"?>${body}`,
    headers: commonHeaders(web.message),
  };
}

// A table as it is listed.
function entryOf(request: Request, name: string): object {
  if (metadataWanted(request) !== 'fullmetadata') return { TableName: name };
  const link = `Tables('${name}')`;
  const type = `${accountOf(request) ?? 'weir'}.Tables`;
  return { 'odata.type': type, 'odata.id': `${baseOf(request)}/${link}`, 'odata.editLink': link, TableName: name };
}

/** Whether the protocol can name a table. */
function isServed(name: string): boolean {
  return /^[A-Za-z][A-Za-z\d]{2,62}$/.test(name);
}

function one(request: Request, context: string, fields: object): string {
  const head = metadataWanted(request) === 'nometadata' ? {} : { 'odata.metadata': `${baseOf(request)}/$metadata${context}` };
  return JSON.stringify({ ...head, ...fields });
}
