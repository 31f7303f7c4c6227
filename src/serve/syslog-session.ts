/**
 * Syslog and plain log lines over UDP and TCP: RFC 3164 and 5424 around access lines or JSON, or those lines bare. A datagram may hold
 * several lines; a stream is framed by octet count or newline (`collect/syslog-frames.ts`).
 */

import { SyslogFrames } from '../collect/syslog-frames.js';
import type { Account } from './ledger.js';
import type { Session } from './listener.js';
import type { Services } from './services.js';

/** Datagrams: each holds one message, or lines. */
export function syslogDatagrams(services: Services, account: Account): Session {
  const { hits } = services;
  const reader = hits.reader();
  return {
    take: (bytes) => {
      if (hits.overloaded) {
        account.reject('overload');
        return undefined;
      }
      for (const line of bytes.toString('latin1').split('\n')) {
        const text = line.replace(/[\r\0]+$/, '');
        if (text !== '') hits.take(text, reader, account);
      }
      return undefined;
    },
    end: () => undefined,
  };
}

/** A stream: frames of RFC 6587. */
export function syslogStream(services: Services, account: Account): Session {
  const { hits } = services;
  const reader = hits.reader();
  const frames = new SyslogFrames();
  const take = (text: string): void => hits.take(text, reader, account);
  return {
    take: (bytes) => {
      frames.push(bytes, take, () => account.reject('too-long'));
      return undefined;
    },
    end: () => frames.end(take),
  };
}
