/**
 * What an HTTP route is: a row with method, path, the access it needs and a function from request to answer. Rows stand in siblings by what they
 * serve and in the one table `routes.ts`. Parameters come from the query string and, with POST, from a form or JSON body, as Graphite has it.
 */

import type { IncomingMessage } from 'node:http';
import { Malformed } from '../base/faults.js';
import type { Services } from './services.js';
import type { Access } from './tokens.js';

export interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never packed, whatever its size: for answers whose time is to grow smoothly. */
  readonly isPlain?: boolean;
}

export interface Route {
  readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'DELETE' | 'MERGE' | 'PATCH')[];
  /** find-my-way's pattern; a slash at the end is let be. */
  readonly path: string;
  readonly access: Access;
  /** The handler reads the body itself, as a stream of bounded size. */
  readonly streamsBody?: boolean;
  readonly handle: (request: WebRequest, services: Services) => Promise<Answer> | Answer;
}

/** A request as handlers see it. */
export interface WebRequest {
  readonly method: string;
  readonly path: string;
  /** Query string and form together, the query first. */
  readonly parameters: URLSearchParams;
  readonly route: Readonly<Record<string, string | undefined>>;
  readonly message: IncomingMessage;
  /** The body, bounded by `limits.bodySize`; throws Refused when it is larger. Empty for forms, whose fields are in `parameters`. */
  readonly body: () => Promise<Buffer>;
  /** Whether who asked has gone away. */
  readonly isGone: () => boolean;
}

/** An error that has a status of its own. */
export class HttpFault extends Malformed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** A JSON answer. */
export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** JSON text, or a call of the function that `jsonp` names with it. Throws HttpFault when that is no name. */
export function padded(body: string | Uint8Array, parameters: URLSearchParams): Answer {
  const callback = parameters.get('jsonp');
  if (callback === null) return { type: 'application/json', body };
  if (!/^[A-Za-z_$][\w$]{0,63}(\.[A-Za-z_$][\w$]{0,63}){0,7}$/.test(callback)) throw new HttpFault(400, 'jsonp is no name of a function');
  return { type: 'text/javascript', body: `${callback}(${typeof body === 'string' ? body : Buffer.from(body).toString()})` };
}
