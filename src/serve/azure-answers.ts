/**
 * How the table protocol answers: errors by code, each with its status and sentence, and the head that every answer has. Source: "Table service error codes" and "Common REST API error codes".
 */

import { randomUUID } from 'node:crypto';
import { Malformed } from '../base/faults.js';
import type { Answer, WebRequest } from './route.js';

const errors = {
  AtomFormatNotSupported: [415, 'Atom format is not supported.'],
  AuthenticationFailed: [
    403,
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
  ],
  AuthorizationFailure: [403, 'This request is not authorized to perform this operation.'],
  AuthorizationPermissionMismatch: [403, 'This request is not authorized to perform this operation using this permission.'],
  AuthorizationProtocolMismatch: [403, 'This request is not authorized to perform this operation using this protocol.'],
  AuthorizationResourceTypeMismatch: [403, 'This request is not authorized to perform this operation using this resource type.'],
  AuthorizationServiceMismatch: [403, 'This request is not authorized to perform this operation using this service.'],
  AuthorizationSourceIPMismatch: [403, 'This request is not authorized to perform this operation using this source IP.'],
  CommandsInBatchActOnDifferentPartitions: [400, 'All commands in a batch must operate on same entity group.'],
  DuplicatePropertiesSpecified: [400, 'A property is specified more than one time.'],
  EntityAlreadyExists: [409, 'The specified entity already exists.'],
  EntityTooLarge: [400, 'The entity is larger than the maximum allowed size (1MB).'],
  InternalError: [500, 'The server encountered an internal error. Please retry the request.'],
  InvalidDuplicateRow: [
    400,
    'The batch request contains multiple changes with same row key. An entity can appear only once in a batch request.',
  ],
  InvalidInput: [400, 'An error occurred while processing this request.'],
  InvalidResourceName: [400, 'The specified resource name contains invalid characters.'],
  InvalidUri: [400, 'The requested URI does not represent any resource on the server.'],
  InvalidXmlDocument: [400, 'XML specified is not syntactically valid.'],
  KeyValueTooLarge: [400, 'The partition key or row key is larger than the maximum allowed size.'],
  MethodNotAllowed: [405, 'The requested method is not allowed on the specified resource.'],
  NotImplemented: [501, 'The requested operation is not implemented on the specified resource.'],
  OutOfRangeInput: [400, 'One of the request inputs is out of range.'],
  PropertiesNeedValue: [400, 'The values are not specified for all properties in the entity.'],
  PropertyNameInvalid: [400, 'The property name is invalid.'],
  PropertyNameTooLong: [400, 'The property name exceeds the maximum allowed length (255).'],
  PropertyValueTooLarge: [400, 'The property value exceeds the maximum allowed size (64KB).'],
  RequestBodyTooLarge: [413, 'The request body is too large and exceeds the maximum permissible limit.'],
  ResourceNotFound: [404, 'The specified resource does not exist.'],
  ServerBusy: [503, 'The server is currently unable to receive requests. Please retry your request.'],
  TableAlreadyExists: [409, 'The table specified already exists.'],
  TableBeingDeleted: [409, 'The specified table is being deleted. Try operation later.'],
  TableNotFound: [404, 'The table specified does not exist.'],
  TooManyProperties: [400, 'The entity contains more properties than allowed. Each entity can include up to 252 properties to store data.'],
  UpdateConditionNotSatisfied: [412, 'The update condition specified in the request was not satisfied.'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type AzureCode = keyof typeof errors;

/** An error of the protocol. */
export class AzureFault extends Malformed {
  readonly code: AzureCode;
  readonly status: number;
  /** Which command of a batch failed. */
  readonly index: number | undefined;
  constructor(code: AzureCode, message: string = errors[code][1], index?: number) {
    super(message);
    this.code = code;
    this.status = errors[code][0];
    this.index = index;
  }
}

export function isAzureCode(code: string): code is AzureCode {
  return Object.hasOwn(errors, code);
}

export type Metadata = 'nometadata' | 'minimalmetadata' | 'fullmetadata';

/** The level of metadata that a request accepts. Throws AzureFault for Atom. */
export function metadataOf(accept: string | undefined, format: string | null): Metadata {
  const wanted = (format ?? accept ?? '').toLowerCase();
  if (wanted.includes('nometadata')) return 'nometadata';
  if (wanted.includes('fullmetadata')) return 'fullmetadata';
  if (/atom|xml/.test(wanted) && !/json|\*\/\*/.test(wanted)) throw new AzureFault('AtomFormatNotSupported');
  return 'minimalmetadata';
}

/** Headers that every answer has. */
export function commonHeaders({ headers }: WebRequest['message']): Record<string, string> {
  const version = String(headers['x-ms-version'] ?? '');
  const own = String(headers['x-ms-client-request-id'] ?? '');
  return {
    'x-ms-request-id': randomUUID(),
    'x-ms-version': /^\d{4}-\d\d-\d\d$/.test(version) ? version : '2019-02-02',
    'Cache-Control': 'no-cache',
    ...(/^[\x21-\x7e]{1,1024}$/.test(own) ? { 'x-ms-client-request-id': own } : {}),
  };
}

/** The body of an error. */
export function errorBody({ code, message, index }: AzureFault, requestId: string, nowMs: number): string {
  const place = index === undefined ? '' : `${index}:`;
  const value = `${place}${message}\nRequestId:${requestId}\nTime:${new Date(nowMs).toISOString()}`;
  return JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value } } });
}

/** An error as an answer. */
export function errorAnswer(fault: AzureFault, message: WebRequest['message'], nowMs: number): Answer {
  const headers = commonHeaders(message);
  return {
    status: fault.status,
    type: 'application/json;odata=minimalmetadata;streaming=true;charset=utf-8',
    body: errorBody(fault, headers['x-ms-request-id'] ?? '', nowMs),
    headers,
    isPlain: true,
  };
}
