/**
 * StatsD's admin interface: `help`, `stats`, `counters`, `timers`, `gauges`, `health`, `config`, `quit`, a line each over TCP. Answers end with
 * `END` and an empty line, as etsy's server has it. Counters show what they counted since the start; nothing can be deleted here, since what is stored stays.
 */

import type { Account } from './ledger.js';
import { lineSession } from './line-session.js';
import type { Session } from './listener.js';
import { parseStoredName, type StatsdKind } from './served-names.js';
import type { Services } from './services.js';

const listMax = 10_000;

/** A connection to the admin interface. */
export function adminStream(services: Services, account: Account): Session {
  let quit = false;
  const inner = lineSession(
    4096,
    (bytes, start, end) => {
      let answer = '';
      for (const line of bytes.toString('utf8', start, end).split('\n')) {
        const [word = '', ...rest] = line.trim().split(/\s+/);
        if (word === '') continue;
        account.lines++;
        const command = commands[word.toLowerCase()];
        if (word.toLowerCase() === 'quit') quit = true;
        else if (command === undefined) {
          account.reject('command');
          answer += 'ERROR\n';
        } else {
          account.accepted++;
          answer += command(services, rest);
        }
      }
      return answer;
    },
    () => account.reject('too-long'),
  );
  return { ...inner, closed: () => quit };
}

const commands: Readonly<Record<string, (services: Services, words: readonly string[]) => string>> = {
  help: () => 'Commands: stats, counters, timers, gauges, health, config, quit\n\n',
  health: () => 'health: up\n\n',
  stats: (services) => {
    const accounts = [...services.ledger.accounts.values()].filter((one) => one.name === 'statsd' || one.name === 'statsd-tcp');
    const sum = (figure: (account: Account) => number): number => accounts.reduce((total, account) => total + figure(account), 0);
    const now = services.now();
    return [
      `uptime: ${Math.floor((now - services.startedMs) / 1000)}`,
      // As etsy's server: seconds since then; since the start where nothing came.
      `messages.last_msg_seen: ${Math.max(0, Math.floor((now - Math.max(services.startedMs, ...accounts.map((one) => one.lastSeconds * 1000))) / 1000))}`,
      `messages.packets_received: ${sum((account) => account.datagrams)}`,
      `messages.metrics_received: ${sum((account) => account.lines)}`,
      `messages.bad_lines_seen: ${sum((account) => account.rejectedTotal)}`,
      `messages.kernel_drops: ${sum((account) => account.kernelDrops)}`,
      `store.flushes: ${services.intake.flushes}`,
      `store.flush_failures: ${services.intake.flushFailures}`,
      `store.last_flush_ms: ${services.intake.lastFlushMs}`,
      `series: ${services.intake.seriesCount}`,
      'END',
      '',
      '',
    ].join('\n');
  },
  counters: (services) => list(services, 'counter', (series) => services.intake.totalOf(series)),
  gauges: (services) => list(services, 'gauge', (series) => services.intake.gauges.get(series) ?? null),
  timers: (services) => list(services, 'timer', () => null),
  config: (services) => `${JSON.stringify(services.configuration().statsd, undefined, 2)}\nEND\n\n`,
};

function list(services: Services, kind: StatsdKind, value: (series: number) => number | null): string {
  const shown: Record<string, number | null> = {};
  let count = 0;
  let series = -1;
  for (const name of services.intake.names()) {
    series++;
    const metric = parseStoredName(name);
    if (metric?.kind !== kind) continue;
    shown[metric.name] = value(series);
    if (++count >= listMax) break;
  }
  return `${JSON.stringify(shown, undefined, 2)}\nEND\n\n`;
}
