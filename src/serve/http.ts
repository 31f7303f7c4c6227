/**
 * The HTTP listener: node's server with short limits (head, body, whole request, connections), find-my-way over the table of routes, tokens,
 * and one place that turns faults into `{"error":{"kind","message"}}`. A slow reader is cut off when it takes nothing for the time allowed.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import createRouter, { type HTTPMethod } from 'find-my-way';
import { Corrupt, Fault, Malformed, Refused } from '../base/faults.js';
import type { OpenListener } from './listener.js';
import { type Answer, HttpFault, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';
import { listen } from './tcp.js';

const drainMaxMs = 5000;

/** Opens the HTTP listener. */
export async function openHttp(routes: readonly Route[], services: Services, host: string, port: number): Promise<OpenListener> {
  const { limits } = services.configuration();
  const account = services.ledger.account('http');
  const router = createRouter({ ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 4096 });
  for (const route of routes) {
    router.on([...route.methods] as HTTPMethod[], route.path, () => {}, route);
  }
  const server = createServer({
    headersTimeout: Math.min(10_000, limits.requestSeconds * 1000),
    requestTimeout: limits.requestSeconds * 1000,
    keepAliveTimeout: 10_000,
    maxHeaderSize: 64 << 10,
    connectionsCheckingInterval: 1000,
  });
  // Who takes nothing for so long is cut off, in the second answer of a connection as in the first.
  server.timeout = limits.requestSeconds * 1000;
  const sockets = new Set<Socket>();
  const answering = new Set<Promise<void>>();
  server.on('connection', (socket) => {
    account.connections++;
    if (sockets.size >= services.configuration().limits.connections) {
      account.connectionsRefused++;
      socket.destroy();
      return;
    }
    sockets.add(socket);
    account.connectionsNow = sockets.size;
    socket.once('close', () => {
      sockets.delete(socket);
      account.connectionsNow = sockets.size;
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    account.reject(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'timeout' : 'malformed');
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  server.on('request', (message, response) => {
    account.lines++;
    // HEAD asks for what GET would answer, without the body.
    const method = message.method === 'HEAD' ? 'GET' : message.method;
    const url = message.url ?? '/';
    const cut = url.indexOf('?');
    const found = router.find(method as HTTPMethod, cut < 0 ? url : url.slice(0, cut));
    const route = found?.store as Route | undefined;
    const answer = respond(message, response, route, found?.params ?? {}, services, router).finally(() => answering.delete(answer));
    answering.add(answer);
  });
  const address = await listen(server, host, port);
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), drainMaxMs);
    await closed;
    clearTimeout(timer);
    // Whose reader has gone may still be reading the store, which is closed next.
    const late = AbortSignal.timeout(drainMaxMs);
    await Promise.race([Promise.all(answering), once(late, 'abort')]);
  };
  return { name: 'http', host: address.host, port: address.port, stop };
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  route: Route | undefined,
  parameters: Record<string, string | undefined>,
  services: Services,
  router: ReturnType<typeof createRouter>,
): Promise<void> {
  const account = services.ledger.account('http');
  try {
    if (route === undefined) throw notFound(message, router);
    if (!services.tokens().allows(route.access, message.headers.authorization)) {
      throw new HttpFault(401, `a bearer token for ${route.access === 'write' ? 'writing' : 'reading'} is needed`, {
        'WWW-Authenticate': 'Bearer',
      });
    }
    const request = readRequest(message, response, parameters, services);
    if (message.method === 'POST' && route.streamsBody !== true) await readFields(request);
    await send(response, await route.handle(request, services));
    account.accepted++;
  } catch (error) {
    if (response.destroyed && !response.writable) return;
    const answer = faultAnswer(error, services);
    account.reject(String(answer.status ?? 500));
    if (response.headersSent) response.destroy();
    else await send(response, answer).catch(() => response.destroy());
  }
}

function notFound(message: IncomingMessage, router: ReturnType<typeof createRouter>): HttpFault {
  const path = (message.url ?? '/').split('?', 1)[0] as string;
  const other = (['GET', 'POST'] as const).filter((method) => method !== message.method && router.find(method, path) !== null);
  if (other.length > 0)
    return new HttpFault(405, `${message.method} is not served at ${path.slice(0, 100)} (expected ${other.join(', ')})`, {
      Allow: other.join(', '),
    });
  return new HttpFault(404, `nothing is served at ${path.slice(0, 100)}`);
}

function readRequest(
  message: IncomingMessage,
  response: ServerResponse,
  route: Record<string, string | undefined>,
  services: Services,
): WebRequest {
  const url = message.url ?? '/';
  const cut = url.indexOf('?');
  let body: Promise<Buffer> | undefined;
  return {
    method: message.method ?? 'GET',
    path: cut < 0 ? url : url.slice(0, cut),
    parameters: new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1)),
    route,
    message,
    body: () => {
      body ??= readBody(message, services.configuration().limits.bodySize);
      return body;
    },
    isGone: () => response.destroyed,
  };
}

// The fields of a form or of JSON stand behind those of the query string.
async function readFields({ message, parameters, body }: WebRequest): Promise<void> {
  const type = (message.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams((await body()).toString('utf8'))) parameters.append(name, value);
  } else if (type === 'application/json') addJson(parameters, await body());
  else if (type === 'multipart/form-data') await addForm(parameters, await body(), message.headers['content-type'] as string);
}

// Fields of a form in parts; files among them are let be.
async function addForm(fields: URLSearchParams, body: Buffer, contentType: string): Promise<void> {
  try {
    const form = await new Response(new Uint8Array(body), { headers: { 'Content-Type': contentType } }).formData();
    for (const [name, value] of form) if (typeof value === 'string') fields.append(name, value);
  } catch {
    throw new HttpFault(400, 'the body is no form (expected multipart/form-data as its boundary says)');
  }
}

function addJson(fields: URLSearchParams, body: Buffer): void {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new HttpFault(400, 'the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [name, one] of Object.entries(value)) {
    for (const each of Array.isArray(one) ? one : [one]) {
      if (typeof each !== 'object') fields.append(name, String(each));
    }
  }
}

// What is too large is still read, and let go, as long as a request may take: a peer that is sending when its connection closes never sees why.
function readBody(message: IncomingMessage, sizeMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const refuse = (): void => reject(new HttpFault(413, `the body is larger than ${sizeMax} bytes`));
    if (Number(message.headers['content-length'] ?? 0) > sizeMax) refuse();
    message.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= sizeMax) chunks.push(chunk);
      else {
        chunks.length = 0;
        refuse();
      }
    });
    message.once('end', () => (size <= sizeMax ? resolve(Buffer.concat(chunks)) : refuse()));
    message.once('error', reject);
    message.once('close', () => reject(new Error('the peer went away')));
  });
}

// Head and body leave in one write, where the body is there as a whole. A header per call of `setHeader` would cost more than taking a record does.
async function send(response: ServerResponse, answer: Answer): Promise<void> {
  const { body, status = 200 } = answer;
  const head: Record<string, string | number> = {
    'Content-Type': answer.type,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  };
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const sent = answer.isPlain === true ? body : await packed(body, response.req, head);
    head['Content-Length'] = typeof sent === 'string' ? Buffer.byteLength(sent) : sent.length;
    response.writeHead(status, head).end(response.req.method === 'HEAD' ? undefined : sent);
    return;
  }
  response.writeHead(status, head);
  for await (const chunk of body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

const packs = promisify(gzip);
const packedSizeMin = 1024;

// Text of some size goes out as gzip to who takes it.
async function packed(
  body: string | Uint8Array,
  { headers }: IncomingMessage,
  head: Record<string, string | number>,
): Promise<string | Uint8Array> {
  if (body.length < packedSizeMin || !/^(text|application\/(json|javascript))|image\/svg/.test(String(head['Content-Type']))) return body;
  head.Vary = 'Accept-Encoding';
  if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(headers['accept-encoding'] ?? ''))) return body;
  head['Content-Encoding'] = 'gzip';
  return await packs(body, { level: 1 });
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function faultAnswer(error: unknown, services: Services): Answer {
  const [status, kind] =
    error instanceof HttpFault
      ? [error.status, error.status === 401 ? 'unauthorized' : error.status === 404 ? 'not-found' : 'malformed']
      : error instanceof Malformed
        ? [400, 'malformed']
        : error instanceof Refused
          ? [422, 'refused']
          : error instanceof Corrupt
            ? [500, 'corrupt']
            : [500, 'bug'];
  const message = error instanceof Fault ? error.line : 'this is a fault of Weir itself';
  if (status >= 500) services.ledger.notice('http', error instanceof Error ? (error.stack ?? error.message) : String(error));
  const place = error instanceof Fault && error.place.column !== undefined ? { column: error.place.column } : {};
  const headers = error instanceof HttpFault ? error.headers : {};
  return { status, type: 'application/json', body: JSON.stringify({ error: { kind, message, ...place } }), headers };
}
