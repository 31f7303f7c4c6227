/**
 * StatsD's listeners: datagrams and streams of lines in the dialect of the configuration. Counters go to their cell as they arrive: no flush
 * timer stands between a client and its count. Gauges keep their value, so `+5` adds to what is shown; timers keep their values, sets their members.
 */

import { nameSizeMax } from '../collect/graphite-plaintext.js';
import {
  type MetricKind,
  metric,
  parseStatsd,
  type StatsdDialect,
  type StatsdLine,
  type StatsdSink,
  statsdDialects,
} from '../collect/statsd.js';
import type { Account } from './ledger.js';
import { lineSession } from './line-session.js';
import type { Session } from './listener.js';
import { type StatsdKind, storedName } from './served-names.js';
import type { Services } from './services.js';

const spaces: Readonly<Record<StatsdKind, number>> = { counter: 1, gauge: 2, timer: 3, set: 4 };
const tagPart = /[;~=!^\s]/g;

/** Datagrams of StatsD lines. */
export function statsdDatagrams(services: Services, account: Account): Session {
  const taker = new StatsdTaker(services, account);
  return {
    take: (bytes, datagrams = 1) => {
      if (services.intake.overloaded) account.reject('overload', datagrams);
      else taker.take(bytes, 0, bytes.length);
      return undefined;
    },
    end: () => {},
  };
}

/** StatsD lines of a TCP connection. */
export function statsdStream(services: Services, account: Account): Session {
  const taker = new StatsdTaker(services, account);
  return lineSession(
    services.configuration().limits.lineSize,
    (bytes, start, end) => {
      taker.take(bytes, start, end);
      return undefined;
    },
    (bytes) => services.ledger.reject(account, 'too-long', bytes, 0, 120),
  );
}

class StatsdTaker {
  readonly #services: Services;
  readonly #account: Account;
  readonly #sink: StatsdSink;
  readonly #tagged = new Map<string, number>();
  #bytes: Buffer = Buffer.alloc(0);

  constructor(services: Services, account: Account) {
    this.#services = services;
    this.#account = account;
    this.#sink = {
      number: (kind, nameStart, nameEnd, value, rate, line) => this.#number(kind, nameStart, nameEnd, value, rate, line),
      count: (nameStart, nameEnd, hash, value) => {
        const series = services.intake.findHashed(spaces.counter, this.#bytes, nameStart, nameEnd, hash);
        if (series < 0) return false;
        this.#count(services.intake.add(series, -1, value));
        return true;
      },
      member: (nameStart, nameEnd, member, line) => {
        const series = this.#series('set', nameStart, nameEnd, line);
        if (series >= 0) this.#count(services.intake.addMember(series, secondsOf(line), member));
      },
      event: () => {
        account.accepted++;
      },
      reject: (cause, start, end) => services.ledger.reject(account, cause, this.#bytes, start, end),
    };
  }

  take(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    const { dialect } = this.#services.configuration().statsd;
    this.#account.lastSeconds = this.#services.intake.nowSeconds;
    this.#account.lines += parseStatsd(bytes, start, end, statsdDialects[dialect] as StatsdDialect, this.#sink);
  }

  #number(kind: MetricKind, nameStart: number, nameEnd: number, value: number, rate: number, line: StatsdLine): void {
    const { intake } = this.#services;
    if (kind === metric.counter) {
      const series = this.#series('counter', nameStart, nameEnd, line);
      // As etsy's server: a value of 1 at @0.1 is ten events that sum to ten.
      if (series >= 0) this.#count(intake.add(series, secondsOf(line), value, 1 / rate, value * (1 / rate)));
      return;
    }
    if (kind === metric.gauge || kind === metric.gaugeDelta) {
      const series = this.#series('gauge', nameStart, nameEnd, line);
      if (series < 0) return;
      const shown = kind === metric.gauge ? value : this.#gaugeBefore(series) + value;
      const cause = intake.add(series, secondsOf(line), shown);
      if (cause === undefined) intake.gauges.set(series, shown);
      this.#count(cause);
      return;
    }
    const series = this.#series('timer', nameStart, nameEnd, line);
    if (series >= 0) this.#count(intake.addTimer(series, secondsOf(line), value, 1 / rate));
  }

  // What a delta adds to. A gauge without news in its slot is gone when idle ones are deleted: the next delta starts from 0.
  #gaugeBefore(series: number): number {
    const { intake, configuration } = this.#services;
    const idle = configuration().statsd.deleteIdleStats && intake.newestOf(series) < intake.slotOf(series, intake.nowSeconds);
    return idle ? 0 : (intake.gauges.get(series) ?? 0);
  }

  #count(cause: string | undefined): void {
    if (cause === undefined) this.#account.accepted++;
    else this.#account.reject(cause);
  }

  // The series of a name and its tags, or -1 once the reject is counted.
  #series(kind: StatsdKind, nameStart: number, nameEnd: number, line: StatsdLine): number {
    const { intake, ledger } = this.#services;
    const tagged = line.tagEnd > line.tagStart;
    const space = spaces[kind];
    let series = -1;
    let key = '';
    if (tagged) {
      key = `${space}${this.#bytes.toString('utf8', nameStart, nameEnd)}#${this.#bytes.toString('utf8', line.tagStart, line.tagEnd)}`;
      series = this.#tagged.get(key) ?? -1;
    } else series = intake.find(space, this.#bytes, nameStart, nameEnd);
    if (series >= 0) return series;
    const name = nameEnd - nameStart + line.tagEnd - line.tagStart > nameSizeMax ? '' : this.#resolve(nameStart, nameEnd, line);
    if (name === '' || name.startsWith(';')) {
      ledger.reject(this.#account, 'name', this.#bytes, nameStart, nameEnd);
      return -1;
    }
    const stored = storedName(kind, name);
    if (tagged) {
      series = intake.seriesOf(stored);
      if (this.#tagged.size > 1_000_000) this.#tagged.clear();
      if (series >= 0) this.#tagged.set(key, series);
    } else series = intake.remember(space, this.#bytes, nameStart, nameEnd, stored);
    if (series < 0) ledger.reject(this.#account, 'series-limit', this.#bytes, nameStart, nameEnd);
    return series;
  }

  #resolve(nameStart: number, nameEnd: number, line: StatsdLine): string {
    const raw = this.#bytes.toString('utf8', nameStart, nameEnd);
    const name = this.#services.configuration().statsd.keyNameSanitize ? sanitize(raw) : raw.replace(/\s+/g, '_');
    if (line.tagEnd <= line.tagStart) return name;
    const tags = this.#bytes
      .toString('utf8', line.tagStart, line.tagEnd)
      .split(',')
      .filter((tag) => tag !== '')
      .map((tag) => {
        const cut = tag.indexOf(':');
        const [label, value] = cut < 0 ? [tag, 'true'] : [tag.slice(0, cut), tag.slice(cut + 1)];
        return `${label.replace(tagPart, '_') || '_'}=${value.replace(tagPart, '_') || 'true'}`;
      });
    return tags.length === 0 ? name : `${name};${[...new Set(tags)].sort().join(';')}`;
  }
}

/** A name as etsy's server cleans it: blanks to `_`, slashes to `-`, the rest outside `a-zA-Z0-9_-.;=` dropped. */
export function sanitize(name: string): string {
  return name
    .replace(/\s+/g, '_')
    .replace(/\//g, '-')
    .replace(/[^a-zA-Z_\-0-9.;=]/g, '');
}

function secondsOf(line: StatsdLine): number {
  return Number.isNaN(line.seconds) ? -1 : Math.floor(line.seconds);
}
