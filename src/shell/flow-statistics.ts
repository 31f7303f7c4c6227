/**
 * The figures that nfcapd files hold of themselves, in place of reading every flow: for `--stat`, as `nfdump -I` has them, where nothing selects flows and
 * all inputs are whole nfcapd files; and for `--count`, where they have the same packets and bytes as the flows that were read: some collectors
 * count a flow of which they keep no record.
 */

import { type FileStatistics, nfcapdStatistics } from '../collect/nfcapd-statistics.js';
import type { FoldedStat } from '../fold/flow-stat.js';
import { readAnyFlows } from '../query/flow-sources.js';
import type { Invocation } from './command.js';
import { wordsOf } from './flow-inputs.js';

const selecting = ['filter', 'filter-file', 'from', 'to', 'window', 'limit', 'rejects'];

/** What the inputs say of themselves, a part a file; undefined where that is not the answer. */
export function statisticsOf(invocation: Invocation): readonly FileStatistics[] | undefined {
  const words = wordsOf(invocation);
  if (words.includes('-') || selecting.some((name) => invocation.text(name) !== undefined)) return undefined;
  const { files, failures } = readAnyFlows(words);
  if (files.length === 0 || failures.length > 0) return undefined;
  const parts: FileStatistics[] = [];
  for (const file of files) {
    const part = nfcapdStatistics(file);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts;
}

/** As a fold of the flows would have it. */
export function foldedStatistics({ flows, flowsByClass, packetsByClass, bytesByClass, firstMs, lastMs }: FileStatistics): FoldedStat {
  const nanos = (ms: number): number => (ms % 1000) * 1e6;
  const span: FoldedStat['span'] =
    flows === 0n
      ? [Number.POSITIVE_INFINITY, 0, -1, 0]
      : [Math.floor(firstMs / 1000), nanos(firstMs), Math.floor(lastMs / 1000), nanos(lastMs)];
  return { flows: flowsByClass.map(Number), packets: packetsByClass, bytes: bytesByClass, span };
}

/** How many flows the files count, where they have just these packets and bytes. */
export function countedFlows(invocation: Invocation, packets: bigint, bytes: bigint): number | undefined {
  const parts = statisticsOf(invocation);
  const sum = (of: 'flows' | 'packets' | 'bytes'): bigint => (parts ?? []).reduce((total, part) => total + part[of], 0n);
  if (parts === undefined || sum('packets') !== packets || sum('bytes') !== bytes) return undefined;
  return Number(sum('flows'));
}
