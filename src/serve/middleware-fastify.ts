/**
 * The middleware as a fastify plugin: `app.register(hits, { url: 'http://127.0.0.1:8420' })`. It sees every route of the instance it is
 * registered on, delivers what waits when the instance closes, and puts the counters at `app.weirHits`.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HitsOptions, hits as middleware } from './middleware.js';

interface FastifyLike {
  addHook(name: 'onRequest', hook: (request: { raw: IncomingMessage }, reply: { raw: ServerResponse }, done: () => void) => void): unknown;
  addHook(name: 'onClose', hook: () => Promise<void>): unknown;
  decorate(name: string, value: unknown): unknown;
}

/** The plugin. */
export const hits = Object.assign(
  async (instance: FastifyLike, options: HitsOptions): Promise<void> => {
    const note = middleware(options);
    instance.decorate('weirHits', note.counters);
    instance.addHook('onRequest', (request, reply, done) => note(request.raw, reply.raw, done));
    instance.addHook('onClose', () => note.close());
  },
  // Fastify's mark for a plugin that is not confined to a scope of its own.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'weir' },
);
