/**
 * The one table of commands. Each row loads its file only when the command is run, so that a start stays quick.
 */

import type { Command } from './command.js';

export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commands: readonly CommandRow[] = [
  {
    name: 'packets',
    summary: 'flow records into packets: a capture in time order',
    load: async () => (await import('./packets.js')).packets,
  },
  {
    name: 'flows',
    summary: 'reads, filters, converts and counts flow records',
    load: async () => (await import('./flows.js')).flows,
  },
  {
    name: 'profile',
    summary: 'the distribution of flows over packets, bytes, duration or bytes a packet',
    load: async () => (await import('./profile.js')).profile,
  },
  {
    name: 'top',
    summary: 'request counts and top keys of logs, by day, month and year',
    load: async () => (await import('./top.js')).top,
  },
  {
    name: 'serve',
    summary: 'the daemon: every listener, the HTTP APIs and the page',
    load: async () => (await import('./serve.js')).serve,
  },
  {
    name: 'load',
    summary: 'puts flows, logs, metrics, Whisper and RRDtool trees into the store',
    load: async () => (await import('./load.js')).load,
  },
  {
    name: 'query',
    summary: 'a Graphite target over the store or a running server',
    load: async () => (await import('./query.js')).query,
  },
  {
    name: 'rrd',
    summary: "RRDtool's verbs with RRDtool's arguments, over .rrd files and the store",
    load: async () => (await import('./rrd.js')).rrd,
  },
  {
    name: 'whisper',
    summary: "reads Whisper files: Graphite's own database",
    load: async () => (await import('./whisper.js')).whisper,
  },
  {
    name: 'ship',
    summary: 'follows logs and delivers them to a Weir, each line once',
    load: async () => (await import('./ship.js')).ship,
  },
  {
    name: 'take',
    summary: 'the first records of a partition',
    load: async () => (await import('./take.js')).take,
  },
  {
    name: 'probe',
    summary: 'measures how the latency of reading n records grows with n',
    load: async () => (await import('./probe.js')).probe,
  },
  {
    name: 'store',
    summary: 'makes, prints, compacts a store',
    load: async () => (await import('./store.js')).store,
  },
  {
    name: 'check',
    summary: 'lints the configuration and the storage rules',
    load: async () => (await import('./check.js')).check,
  },
  {
    name: 'man',
    summary: 'prints the man page of a command',
    load: async () => (await import('./man.js')).man,
  },
  {
    name: 'completion',
    summary: 'prints the completion script of a shell',
    load: async () => (await import('./completion.js')).completion,
  },
];
