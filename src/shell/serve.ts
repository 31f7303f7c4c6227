/** `weir serve`: starts the daemon, prints its `ready` line, and hands it the signals: SIGTERM and SIGINT stop it, SIGHUP reloads the configuration. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault, Usage } from '../base/faults.js';
import { HitJournal } from '../keep/hit-journal.js';
import { type Configuration, defaultConfiguration, readConfigurationFile } from '../serve/configuration.js';
import { Daemon } from '../serve/daemon.js';
import { keptLists } from '../serve/hit-intake.js';
import { checkListenerNames } from '../serve/listeners.js';
import { openMetrics } from '../serve/open-metrics.js';
import type { Command, Invocation } from './command.js';

export const serve: Command = {
  name: 'serve',
  summary: 'the daemon: every listener, the HTTP APIs and the page',
  usage: '[--data DIR] [--config FILE] [--port NAME=N]... [--only NAMES]',
  description: `Takes StatsD and Graphite metrics, keeps them so that counts add up at every resolution, and serves
Graphite's HTTP API and a status page. Everything binds to 127.0.0.1 unless the configuration says otherwise.
When all listeners are open it prints one line: ready http=127.0.0.1:8420 statsd=127.0.0.1:8125 ...
SIGTERM takes what has arrived, flushes and exits 0; SIGHUP reads the configuration again.`,
  options: [
    { name: 'data', value: 'DIR', help: 'folder of the store (./weir-data)' },
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'port', value: 'NAME=N', repeatable: true, help: 'port of a listener; 0 takes a free one; all=0 for every listener' },
    { name: 'only', value: 'NAMES', repeatable: true, help: 'opens just these listeners, by commas' },
    { name: 'now', value: 'T', help: 'a clock that stands still, for tests: epoch seconds or RFC 3339' },
  ],
  examples: [
    ['weir serve', 'every listener on its usual port, data in ./weir-data'],
    ['weir serve --port all=0 --only http,graphite', 'free ports for two listeners'],
    ["echo 'deploys:1|c' | nc -u -w0 127.0.0.1 8125", 'counts one event'],
  ],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { world } = invocation;
  const configuration = load(invocation);
  let current = configuration;
  const now = clockOf(invocation);
  const ports = portsOf(invocation.list('port'));
  const only = invocation.flag('only') ? invocation.list('only').flatMap((names) => names.split(',')) : undefined;
  checkListenerNames([...ports.keys(), ...(only ?? [])]);
  const hits = new HitJournal({
    folder: join(invocation.text('data') ?? 'weir-data', 'hits'),
    specs: keptLists(configuration),
    now,
    keepMs: () => current.logs.keepDays * 86_400_000,
  }).open();
  const folder = invocation.text('data') ?? 'weir-data';
  const metrics = await openMetrics({ folder, configuration: () => current, now }).catch(async (error: unknown) => {
    await hits.close();
    throw error;
  });
  const daemon = new Daemon({
    configuration,
    environment: world.env,
    metrics,
    records: metrics.store,
    flows: {
      folder,
      program: fileURLToPath(new URL('flow-answers.worker.js', import.meta.url)),
      totals: () => metrics.store.flowTotals(),
    },
    hits,
    ports,
    only,
    now,
    version: version(),
    tell: (text) => world.stderr.write(`weir: ${text}\n`),
  });
  const line = await daemon.start().catch(async (error: unknown) => {
    await hits.close();
    await metrics.close();
    throw error;
  });
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  const reload = (): void => {
    try {
      const next = load(invocation);
      const [takeRules, takeRest] = [metrics.prepare(next), daemon.prepare(next)];
      current = next;
      takeRules();
      takeRest();
      world.stderr.write('weir: the configuration was read again\n');
    } catch (error) {
      if (!(error instanceof Fault) && !(error instanceof Error && 'code' in error)) throw error;
      const text = error instanceof Fault ? error.line : error.message;
      world.stderr.write(`weir: ${text}; the configuration stays as it was\n`);
      daemon.services.ledger.notice('configuration', text);
    }
  };
  process.on('SIGHUP', reload);
  world.stdout.write(`${line}\n`);
  await stopped;
  await daemon.stop();
  process.off('SIGHUP', reload);
  return 0;
}

function load(invocation: Invocation): Configuration {
  const path = invocation.text('config') ?? (existsSync('weir.toml') ? 'weir.toml' : undefined);
  return path === undefined ? defaultConfiguration : readConfigurationFile(path);
}

function portsOf(words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    words.map((word) => {
      const found = /^([a-z-]+)=(\d{1,5})$/.exec(word);
      if (found === null || Number(found[2]) > 65_535) throw new Usage(`--port '${word}': expected NAME=N with N from 0 to 65535`);
      return [found[1] as string, Number(found[2])];
    }),
  );
}

function clockOf(invocation: Invocation): () => number {
  const given = invocation.text('now');
  if (given === undefined) return invocation.world.now;
  const ms = /^\d+(\.\d+)?$/.test(given) ? Number(given) * 1000 : Date.parse(given);
  if (Number.isNaN(ms)) throw new Usage(`--now '${given}': expected epoch seconds or RFC 3339`);
  return () => ms;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
