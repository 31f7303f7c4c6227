/**
 * What tells how the daemon is: `/metrics` in Prometheus' text format, `/healthz` (it lives), `/readyz` (it listens and its store takes batches),
 * `/api/status` for the page, and the page itself with its bundle. None of it shows a token or a configuration's secret.
 */

import { readFileSync } from 'node:fs';
import { type Answer, HttpFault, json, type Route } from './route.js';
import type { Services } from './services.js';
import { updateDrops } from './udp.js';

export const statusRoutes: readonly Route[] = [
  { methods: ['GET'], path: '/', access: 'none', handle: page },
  { methods: ['GET'], path: '/main.js', access: 'none', handle: () => asset('main.js', 'text/javascript; charset=utf-8') },
  { methods: ['GET'], path: '/main.css', access: 'none', handle: () => asset('main.css', 'text/css; charset=utf-8') },
  { methods: ['GET'], path: '/api/status', access: 'read', handle: (_, services) => json(status(services)) },
  {
    methods: ['GET'],
    path: '/metrics',
    access: 'read',
    handle: (_, services) => ({ type: 'text/plain; version=0.0.4; charset=utf-8', body: prometheus(services) }),
  },
  { methods: ['GET'], path: '/healthz', access: 'none', handle: () => ({ type: 'text/plain', body: 'ok\n' }) },
  { methods: ['GET'], path: '/readyz', access: 'none', handle: readyz },
];

/** What the page shows. */
export interface Status {
  readonly version: string;
  readonly now: number;
  readonly uptimeSeconds: number;
  readonly series: number;
  readonly seriesMax: number;
  readonly storeBytes: number;
  /** Flow records kept, and their bytes. */
  readonly flows: number;
  readonly flowBytes: number;
  readonly memoryBytes: number;
  readonly flushes: number;
  readonly flushFailures: number;
  readonly lastFlushMs: number;
  readonly cellsFlushed: number;
  readonly repeated: number;
  /** Why the store takes no batches; absent when it does. */
  readonly failing?: string;
  readonly listeners: readonly ListenerStatus[];
  readonly notices: readonly { readonly at: number; readonly listener: string; readonly text: string }[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly address: string;
  readonly datagrams: number;
  readonly lines: number;
  readonly accepted: number;
  readonly bytes: number;
  readonly connections: number;
  readonly connectionsNow: number;
  readonly connectionsRefused: number;
  readonly kernelDrops: number;
  readonly rejected: Readonly<Record<string, number>>;
}

function status(services: Services): Status {
  const { intake, ledger } = services;
  refreshDrops(services);
  return {
    version: services.version,
    now: services.now(),
    uptimeSeconds: Math.floor((services.now() - services.startedMs) / 1000),
    series: intake.seriesCount,
    seriesMax: services.configuration().limits.series,
    storeBytes: services.metrics.sizeBytes(),
    flows: services.flows.totals().rows,
    flowBytes: services.flows.totals().bytes,
    memoryBytes: process.memoryUsage.rss(),
    flushes: intake.flushes,
    flushFailures: intake.flushFailures,
    lastFlushMs: intake.lastFlushMs,
    cellsFlushed: intake.cellsFlushed,
    repeated: intake.repeated,
    ...(intake.failing === undefined ? {} : { failing: intake.failing }),
    listeners: services.listeners().map((open) => {
      const account = ledger.account(open.name);
      const { datagrams, lines, accepted, bytes, connections, connectionsNow, connectionsRefused, kernelDrops } = account;
      const figures = { datagrams, lines, accepted, bytes, connections, connectionsNow, connectionsRefused, kernelDrops };
      return { name: open.name, address: `${open.host}:${open.port}`, ...figures, rejected: Object.fromEntries(account.rejected) };
    }),
    notices: ledger.notices.map((one) => ({ at: one.atMs, listener: one.listener, text: one.text })).reverse(),
  };
}

function refreshDrops(services: Services): void {
  for (const open of services.listeners()) {
    const account = services.ledger.account(open.name);
    if (account.datagrams > 0) updateDrops(account, open.port);
  }
}

const counters = [
  ['weir_datagrams_total', 'Datagrams read.', 'datagrams'],
  ['weir_lines_total', 'Lines, items or requests read.', 'lines'],
  ['weir_accepted_total', 'Points or requests taken.', 'accepted'],
  ['weir_received_bytes_total', 'Bytes read.', 'bytes'],
  ['weir_connections_total', 'Connections made.', 'connections'],
  ['weir_connections_refused_total', 'Connections refused by the limit.', 'connectionsRefused'],
  ['weir_kernel_drops_total', 'Datagrams that the kernel dropped before they were read.', 'kernelDrops'],
] as const;

/** The daemon's own metrics as Prometheus reads them. */
export function prometheus(services: Services): string {
  const { intake, ledger } = services;
  refreshDrops(services);
  const lines: string[] = [];
  const family = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    rows: readonly (readonly [labels: string, value: number])[],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...rows.map(([labels, value]) => `${name}${labels} ${value}`));
  };
  const accounts = [...ledger.accounts.values()];
  for (const [name, help, field] of counters) {
    family(
      name,
      help,
      'counter',
      accounts.map((account) => [`{listener="${account.name}"}`, account[field]]),
    );
  }
  family(
    'weir_rejected_total',
    'Lines, points or requests rejected, by cause.',
    'counter',
    accounts.flatMap((account) =>
      [...account.rejected].map(([cause, count]) => [`{listener="${account.name}",cause="${cause}"}`, count] as const),
    ),
  );
  family(
    'weir_repeated_points_total',
    'Points that repeat series and timestamp of another and merged with it (a rule with sameTimestamp = "replace" keeps the last alone).',
    'counter',
    [['', intake.repeated]],
  );
  family('weir_flushes_total', 'Flushes that the store took.', 'counter', [['', intake.flushes]]);
  family('weir_flush_failures_total', 'Flushes that the store refused; they are tried again.', 'counter', [['', intake.flushFailures]]);
  family('weir_cells_flushed_total', 'Cells written.', 'counter', [['', intake.cellsFlushed]]);
  family(
    'weir_connections_open',
    'Connections open now.',
    'gauge',
    accounts.map((account) => [`{listener="${account.name}"}`, account.connectionsNow]),
  );
  family('weir_series', 'Series known.', 'gauge', [['', intake.seriesCount]]);
  family('weir_store_bytes', 'Bytes of the store on disk.', 'gauge', [['', services.metrics.sizeBytes()]]);
  family('weir_flows', 'Flow records kept.', 'gauge', [['', services.flows.totals().rows]]);
  family('weir_flow_bytes', 'Bytes of the flow records kept.', 'gauge', [['', services.flows.totals().bytes]]);
  family('weir_resident_memory_bytes', 'Resident memory.', 'gauge', [['', process.memoryUsage.rss()]]);
  family('weir_uptime_seconds', 'Seconds since the start.', 'gauge', [['', Math.floor((services.now() - services.startedMs) / 1000)]]);
  return `${lines.join('\n')}\n`;
}

function readyz(_: unknown, services: Services): Answer {
  const failing = services.intake.failing ?? services.hits.failing;
  if (failing !== undefined) return { status: 503, type: 'text/plain', body: `the store takes no batches: ${failing}\n` };
  return { type: 'text/plain', body: 'ready\n' };
}

function page(): Answer {
  const body = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Weir</title><meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="main.css"></head><body><div id="weir"></div><noscript>The page needs JavaScript; <a href="metrics">/metrics</a> does not.</noscript>
<script type="module" src="main.js"></script></body></html>\n`;
  return {
    type: 'text/html; charset=utf-8',
    body,
    headers: { 'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'" },
  };
}

function asset(name: string, type: string): Answer {
  try {
    return { type, body: readFileSync(new URL(`../web/${name}`, import.meta.url)) };
  } catch {
    throw new HttpFault(404, 'the page was not built (expected dist/web after `npm run build`)');
  }
}
