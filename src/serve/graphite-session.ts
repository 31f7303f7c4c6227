/**
 * Graphite's listeners: plaintext lines over TCP and UDP, pickled frames over TCP. Names are put in one form (dots collapsed, tags in order) on first
 * sight; after that a line costs a look-up of its bytes. A frame that is broken, or holds anything but data, closes its connection and is counted.
 */

import { Fault } from '../base/faults.js';
import { type PlaintextSink, parsePlaintext } from '../collect/graphite-plaintext.js';
import { frameSizeMax, readPickle } from '../collect/pickle.js';
import type { Intake } from './intake.js';
import type { Account } from './ledger.js';
import { lineSession } from './line-session.js';
import type { Session } from './listener.js';
import { isStoredForm } from './served-names.js';
import type { Services } from './services.js';

const graphiteSpace = 0;

/** Plaintext lines of a TCP connection. */
export function plaintextStream(services: Services, account: Account): Session {
  const take = plaintextTaker(services, account);
  return lineSession(
    services.configuration().limits.lineSize,
    (bytes, start, end) => {
      take(bytes, start, end);
      return undefined;
    },
    (bytes) => services.ledger.reject(account, 'too-long', bytes, 0, 120),
  );
}

/** Plaintext lines in datagrams. */
export function plaintextDatagrams(services: Services, account: Account): Session {
  const take = plaintextTaker(services, account);
  return {
    take: (bytes, datagrams = 1) => {
      if (services.intake.overloaded) account.reject('overload', datagrams);
      else take(bytes, 0, bytes.length);
      return undefined;
    },
    end: () => {},
  };
}

function plaintextTaker(services: Services, account: Account): (bytes: Buffer, start: number, end: number) => void {
  const { intake, ledger } = services;
  let bytes: Buffer = Buffer.alloc(0);
  const sink: PlaintextSink = {
    point: (nameStart, nameEnd, value, seconds) => {
      let series = intake.find(graphiteSpace, bytes, nameStart, nameEnd);
      if (series < 0) {
        const name = graphiteName(bytes.toString('utf8', nameStart, nameEnd));
        if (name === undefined) return ledger.reject(account, 'name', bytes, nameStart, nameEnd);
        series = intake.remember(graphiteSpace, bytes, nameStart, nameEnd, name);
        if (series < 0) return ledger.reject(account, 'series-limit', bytes, nameStart, nameEnd);
      }
      countAdded(intake, account, series, seconds, value);
    },
    reject: (cause, start, end) => ledger.reject(account, cause, bytes, start, end),
  };
  return (chunk, start, end) => {
    bytes = chunk;
    account.lines += parsePlaintext(chunk, start, end, sink);
  };
}

function countAdded(intake: Intake, account: Account, series: number, seconds: number, value: number): void {
  const cause = intake.add(series, seconds, value);
  if (cause === undefined) account.accepted++;
  else account.reject(cause);
}

/** A name in its one form, or undefined when nothing is left of it. Tags are ordered; a name that would be a stored StatsD metric or a hidden series gets an underscore. */
export function graphiteName(raw: string): string | undefined {
  const [path, ...pairs] = raw.split(';');
  const name = (path as string).replace(/\.{2,}/g, '.').replace(/^\.|\.$/g, '');
  if (name === '' || name.includes('\ufffd')) return undefined;
  const tags = pairs.filter((pair) => pair.indexOf('=') > 0 && pair.indexOf('=') < pair.length - 1);
  if (tags.length !== pairs.length) return undefined;
  const plain = isStoredForm(name) ? name.replace(':', '_') : name;
  return tags.length === 0 ? plain : `${plain};${tags.sort().join(';')}`;
}

/** Pickled frames of a TCP connection: size u32 big-endian, then the pickle. */
export function pickleStream(services: Services, account: Account): Session {
  const { intake, ledger } = services;
  let rest: Buffer[] = [];
  let restSize = 0;
  let broken = false;
  const fail = (cause: string, text: string): void => {
    account.reject(cause);
    ledger.notice(account.name, text);
    broken = true;
    rest = [];
    restSize = 0;
  };
  const takeFrame = (frame: Buffer): void => {
    try {
      const point = (name: string, seconds: number, value: number): void => {
        const form = graphiteName(name);
        const series = form === undefined ? -2 : intake.seriesOf(form);
        if (series < 0) account.reject(series === -2 ? 'name' : 'series-limit');
        else countAdded(intake, account, series, seconds, value);
      };
      account.lines += readPickle(
        frame,
        (one) => point(one.name, one.seconds, one.value),
        (cause) => account.reject(cause),
      );
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      fail('pickle', error.line);
    }
  };
  return {
    take: (chunk) => {
      if (broken) return undefined;
      rest.push(Buffer.from(chunk));
      restSize += chunk.length;
      if (restSize < 4) return undefined;
      let bytes = frameReady(rest, restSize) ? Buffer.concat(rest) : undefined;
      if (bytes === undefined) return undefined;
      while (!broken && bytes.length >= 4) {
        const size = bytes.readUInt32BE(0);
        if (size > frameSizeMax) {
          fail('frame-size', `a frame of ${size} bytes (at most ${frameSizeMax})`);
          return undefined;
        }
        if (bytes.length < 4 + size) break;
        takeFrame(bytes.subarray(4, 4 + size));
        bytes = bytes.subarray(4 + size);
      }
      rest = broken || bytes.length === 0 ? [] : [bytes];
      restSize = broken ? 0 : bytes.length;
      return undefined;
    },
    end: () => {
      if (restSize > 0 && !broken) account.reject('cut-off');
      rest = [];
    },
    closed: () => broken,
  };
}

// Chunks are joined only when the frame they belong to is there (or its size is refused), so that a slow sender costs no copies.
function frameReady(chunks: Buffer[], total: number): boolean {
  if ((chunks[0] as Buffer).length < 4) chunks.splice(0, chunks.length, Buffer.concat(chunks));
  const size = (chunks[0] as Buffer).readUInt32BE(0);
  return size > frameSizeMax || total >= 4 + size;
}
