import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { hitRoutes } from './hit-routes.js';
import { Ledger } from './ledger.js';
import { HttpFault, type WebRequest } from './route.js';
import type { Services } from './services.js';

function ask(headers: Record<string, string>, body: string, overloaded: boolean): Promise<unknown> {
  const ledger = new Ledger(() => 0);
  const services = { ledger, hits: { overloaded } } as unknown as Services;
  const message = { headers, resume: () => undefined };
  const request = { message, body: async () => Buffer.from(body, 'latin1') } as unknown as WebRequest;
  return Promise.resolve(hitRoutes[0]?.handle(request, services));
}

test('back-pressure: 429 with Retry-After while the disk is behind', async () => {
  await rejects(ask({}, '', true), (error: unknown) => {
    deepEqual(error instanceof HttpFault && [error.status, error.headers['Retry-After']], [429, '1']);
    return true;
  });
});

test('a key that is too long, a damaged gzip body', async () => {
  for (const [headers, body] of [
    [{ 'idempotency-key': 'x'.repeat(256) }, ''],
    [{}, '\x1f\x8b\x08nonsense'],
  ] as const) {
    await rejects(ask(headers, body, false), (error: unknown) => error instanceof HttpFault && error.status === 400);
  }
});
