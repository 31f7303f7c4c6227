/** A request of the table protocol as its handlers see it, and what all of them ask. */

import { Refused } from '../base/faults.js';
import { BadEntity } from '../query/entity.js';
import type { Address } from './azure-address.js';
import { AzureFault, commonHeaders, isAzureCode, type Metadata, metadataOf } from './azure-answers.js';
import type { Grant } from './azure-keys.js';
import { type Answer, HttpFault, type WebRequest } from './route.js';
import type { Services } from './services.js';

export interface Request {
  readonly web: WebRequest;
  readonly services: Services;
  readonly method: string;
  readonly grant: Grant;
  readonly address: Address;
}

/** The stored name of a table. Throws AzureFault when there is none. */
export async function tableNamed({ services }: Request, name: string): Promise<string> {
  const found = await services.tables.find(name);
  if (found === undefined) throw new AzureFault('TableNotFound');
  return found;
}

/** The account that the path names, by which types of entities are called. */
export function accountOf({ web }: Request): string | undefined {
  return /^\/tables\/([a-z\d]{3,24})\/./.exec(web.path)?.[1];
}

/** Address of the service as the client sees it. */
export function baseOf(request: Request): string {
  const account = accountOf(request);
  return `http://${request.web.message.headers.host ?? 'localhost'}/tables${account === undefined ? '' : `/${account}`}`;
}

export function metadataWanted({ web }: Request): Metadata {
  return metadataOf(web.message.headers.accept, web.parameters.get('$format'));
}

/** What the client would rather have: no content where it need not be. */
export function prefersNoContent(prefer: string | string[] | undefined): boolean {
  return /\breturn-no-content\b/i.test(String(prefer ?? ''));
}

/** A JSON answer with the head of the protocol. */
export function answerOf(request: Request, status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const level = metadataWanted(request);
  return { status, type: `application/json;odata=${level}`, body, headers: { ...commonHeaders(request.web.message), ...headers } };
}

/** The body as text. Throws AzureFault when it is larger than allowed. */
export async function bodyOf({ web }: Request, sizeMax: number): Promise<string> {
  const body = await web.body();
  if (body.length > sizeMax) throw new AzureFault('RequestBodyTooLarge');
  return body.toString('utf8');
}

/** What went wrong, in the words of the protocol. */
export function faultOf(error: unknown, services: Services): AzureFault {
  if (error instanceof AzureFault) return error;
  if (error instanceof BadEntity) return new AzureFault(isAzureCode(error.code) ? error.code : 'InvalidInput', error.message);
  if (error instanceof HttpFault && error.status === 413) return new AzureFault('RequestBodyTooLarge');
  services.ledger.notice('tables', error instanceof Error ? (error.stack ?? error.message) : String(error));
  return new AzureFault(error instanceof Refused ? 'ServerBusy' : 'InternalError');
}
