/**
 * `/tables`: the table protocol of Azure Storage, as its client library `@azure/data-tables` speaks it. Entities are records of the store: what is put here is taken by `weir take`, and the other way round.
 * Everything that a request says is read before anything is done; an error is answered by its code, as `{"odata.error":...}`.
 *
 *   POST /Tables                  makes a table            GET /Tables, GET|DELETE /Tables('T')   lists, shows, deletes
 *   POST /T                       inserts an entity        GET /T()                               queries
 *   GET|PUT|MERGE|PATCH|DELETE /T(PartitionKey='P',RowKey='R')                                    one entity
 *   POST /$batch                  an entity group transaction
 *
 * Source: "Table service REST API" (learn.microsoft.com), version 2019-02-02.
 */

import { readAddress } from './azure-address.js';
import { AzureFault, errorAnswer } from './azure-answers.js';
import { runBatch } from './azure-batches.js';
import { changeEntity, insertEntity, queryEntities, readEntityAt } from './azure-entities.js';
import { faultOf, type Request } from './azure-request.js';
import { createTable, deleteTable, listTables, serviceProperties, showTable, tableAcl } from './azure-tables.js';
import type { Answer, Route, WebRequest } from './route.js';
import type { Services } from './services.js';

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'MERGE', 'PATCH'] as const;

export const azureRoutes: readonly Route[] = [
  { methods, path: '/tables', access: 'none', streamsBody: true, handle: azureRoute },
  { methods, path: '/tables/*', access: 'none', streamsBody: true, handle: azureRoute },
];

async function azureRoute(web: WebRequest, services: Services): Promise<Answer> {
  try {
    const { authorization } = web.message.headers;
    const keys = services.azureKeys();
    const method = methodOf(web);
    if (keys.isOpen && !services.tokens().allows(method === 'GET' ? 'read' : 'write', authorization))
      throw new AzureFault('AuthenticationFailed');
    if (web.parameters.has('si')) await services.azurePolicies.ready();
    const grant = keys.grant(web, services.now(), (table) => services.azurePolicies.of(table));
    const request: Request = { web, services, method, grant, address: readAddress(web.path.slice('/tables'.length)) };
    return { ...(await routed(request)), isPlain: true };
  } catch (error) {
    return errorAnswer(faultOf(error, services), web.message, services.now());
  }
}

// A client behind a proxy that knows no MERGE says it in a header.
function methodOf({ method, message }: WebRequest): string {
  const other = message.headers['x-http-method'];
  return method === 'POST' && typeof other === 'string' && /^(MERGE|PUT|PATCH|DELETE)$/i.test(other) ? other.toUpperCase() : method;
}

function routed(request: Request): Promise<Answer> | Answer {
  const { address, method, web } = request;
  const comp = web.parameters.get('comp');
  // The account's name alone is the service, where it is asked for as such.
  if (
    (address.is === 'service' || (address.is === 'table' && web.parameters.get('restype') === 'service')) &&
    (comp === 'properties' || comp === 'stats')
  )
    return serviceProperties(request, comp);
  switch (address.is) {
    case 'service':
      throw new AzureFault(comp === null ? 'ResourceNotFound' : 'NotImplemented');
    case 'batch':
      if (method === 'POST') return runBatch(request);
      break;
    case 'tables':
      if (method === 'GET') return listTables(request);
      if (method === 'POST') return createTable(request);
      break;
    case 'one-table':
      if (method === 'GET') return showTable(request, address.table);
      if (method === 'DELETE') return deleteTable(request, address.table);
      break;
    case 'table':
      if (comp === 'acl') return tableAcl(request, address.table);
      if (method === 'GET') return queryEntities(request, address.table);
      if (method === 'POST') return insertEntity(request, address.table);
      break;
    case 'entity':
      if (method === 'GET') return readEntityAt(request, address);
      if (method !== 'POST') return changeEntity(request, address);
  }
  throw new AzureFault('MethodNotAllowed');
}
