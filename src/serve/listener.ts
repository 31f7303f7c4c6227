/**
 * What a listener is: a name of the `ready` line, a transport, a default port, and what is done with what arrives. Rows stand in the literal
 * table of `listeners.ts`; a new protocol is one more row. Sessions take bytes; the sockets, limits and draining are the same for all.
 */

import type { Account } from './ledger.js';
import type { Services } from './services.js';

/** What happens to the bytes of one peer: each datagram of a UDP socket, or the stream of one TCP connection. */
export interface Session {
  /**
   * Takes the bytes of a datagram or the next of a stream. They may be used again once it returns. Returns text to send back, if any. Of a row of
   * lines, `datagrams` may come joined by line ends.
   */
  readonly take: (bytes: Buffer, datagrams?: number) => string | undefined;
  /** The stream ended: what is left of it is taken or rejected. */
  readonly end: () => void;
  /** The peer broke the protocol: the connection is closed after what was to be sent. */
  readonly closed?: () => boolean;
}

export interface Listener {
  readonly name: string;
  readonly transport: 'udp' | 'tcp';
  readonly port: number;
  /** A datagram is no more than the lines in it: several may be handed over as one. */
  readonly isLines?: true;
  /** Opens a session. A UDP listener has one for all its datagrams. */
  readonly session: (services: Services, account: Account) => Session;
}

/** A socket that is open. */
export interface OpenListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Takes no more, reads what the kernel already holds, closes. */
  readonly stop: () => Promise<void>;
}
