/**
 * The one table of listeners. Names, transports and default ports are those of the `ready` line; a protocol is one more row here and a session beside.
 * HTTP stands first in the line and is opened by `http.ts`.
 */

import { Usage } from '../base/faults.js';
import { pickleStream, plaintextDatagrams, plaintextStream } from './graphite-session.js';
import type { Listener } from './listener.js';
import { adminStream } from './statsd-admin.js';
import { statsdDatagrams, statsdStream } from './statsd-session.js';
import { syslogDatagrams, syslogStream } from './syslog-session.js';

export const httpPort = 8420;

export const listeners: readonly Listener[] = [
  { name: 'statsd', transport: 'udp', port: 8125, isLines: true, session: statsdDatagrams },
  { name: 'statsd-tcp', transport: 'tcp', port: 8125, session: statsdStream },
  { name: 'statsd-admin', transport: 'tcp', port: 8126, session: adminStream },
  { name: 'graphite', transport: 'tcp', port: 2003, session: plaintextStream },
  { name: 'graphite-udp', transport: 'udp', port: 2003, isLines: true, session: plaintextDatagrams },
  { name: 'pickle', transport: 'tcp', port: 2004, session: pickleStream },
  { name: 'syslog', transport: 'udp', port: 5514, session: syslogDatagrams },
  { name: 'syslog-tcp', transport: 'tcp', port: 5514, session: syslogStream },
];

/** Every name that `--port` and `--only` take. */
export const listenerNames: readonly string[] = ['http', ...listeners.map((row) => row.name)];

/** Throws Usage for a name that no listener has; `all` may stand for every one. */
export function checkListenerNames(names: Iterable<string>): void {
  for (const name of names)
    if (name !== 'all' && !listenerNames.includes(name))
      throw new Usage(`unknown listener '${name}' (expected one of ${listenerNames.join(', ')})`);
}
