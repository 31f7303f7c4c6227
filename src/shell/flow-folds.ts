/**
 * What a share of flows can be folded to, in this thread or a worker: how many flows there are (`--count`), figures and groups of the reports,
 * a profile. One literal table; a task says in plain words what a worker has to make.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { bothParts, partsOf, type WantedColumns } from '../collect/format.js';
import { FlowGroups, type FoldedGroups, sumOf } from '../fold/flow-groups.js';
import { flowKeys } from '../fold/flow-keys.js';
import { FlowStat, type FoldedStat } from '../fold/flow-stat.js';
import { Profile, type ProfileCell, type ProfileShape } from '../fold/profile.js';
import type { FlowFold } from './flow-shares.js';

/** Keys to group by, in nfdump's words, and the option that they were given with. */
export interface GroupTask {
  readonly keys: string;
  readonly option: string;
  readonly isBidirectional: boolean;
}

export type FoldTask =
  | { readonly kind: 'count' }
  | { readonly kind: 'report'; readonly hasStat: boolean; readonly groups: readonly GroupTask[] }
  | { readonly kind: 'profile'; readonly shape: ProfileShape; readonly wanted: WantedColumns | undefined };

/** The fold of a task. */
export function foldOf(task: FoldTask): FlowFold {
  switch (task.kind) {
    case 'count':
      return new CountFold() as FlowFold;
    case 'report':
      return new ReportFold(task.hasStat, task.groups) as FlowFold;
    case 'profile':
      return new ProfileFold(task.shape, task.wanted) as FlowFold;
  }
}

interface Counts {
  readonly flows: number;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Flows, packets and bytes, exact; both sides of biflows. */
export class CountFold implements FlowFold<Counts> {
  readonly wanted = ['reverse'] as const;
  #flows = 0;
  #packets = 0n;
  #bytes = 0n;

  add(batch: FlowBatch): void {
    this.#flows += batch.count;
    for (const column of [batch.packets, batch.packetsRev]) this.#packets += sum(column, batch.count);
    for (const column of [batch.bytes, batch.bytesRev]) this.#bytes += sum(column, batch.count);
  }

  part(): Counts {
    return { flows: this.#flows, packets: this.#packets, bytes: this.#bytes };
  }

  merge({ flows, packets, bytes }: Counts): void {
    this.#flows += flows;
    this.#packets += packets;
    this.#bytes += bytes;
  }
}

/** Exact: in floats where they hold, else in big integers. */
function sum(column: Float64Array | undefined, count: number): bigint {
  if (column === undefined) return 0n;
  const whole = sumOf(column, count);
  if (whole <= Number.MAX_SAFE_INTEGER) return BigInt(whole);
  return column.subarray(0, count).reduce((exact, value) => exact + BigInt(value), 0n);
}

interface ReportPart {
  readonly stat: FoldedStat | undefined;
  readonly groups: readonly FoldedGroups[];
}

/** Figures of all flows, if asked for, and any number of groupings, in one pass. */
export class ReportFold implements FlowFold<ReportPart> {
  readonly wanted: WantedColumns | undefined;
  readonly stat: FlowStat | undefined;
  readonly groups: readonly FlowGroups[];

  constructor(hasStat: boolean, groups: readonly GroupTask[]) {
    this.stat = hasStat ? new FlowStat() : undefined;
    this.groups = groups.map(({ keys, option, isBidirectional }) => new FlowGroups(flowKeys(keys, option), isBidirectional));
    const keyed = this.groups.flatMap(({ keys }) => keys.flatMap(({ sides, maskedBy = [] }) => [...sides, ...maskedBy]));
    this.wanted = bothParts(partsOf(hasStat ? [...keyed, 'proto'] : keyed), ['times', 'reverse']);
  }

  add(batch: FlowBatch): void {
    this.stat?.fold(batch);
    for (const groups of this.groups) groups.fold(batch);
  }

  part(): ReportPart {
    return { stat: this.stat?.folded(), groups: this.groups.map((groups) => groups.folded()) };
  }

  merge({ stat, groups }: ReportPart): void {
    if (stat !== undefined) this.stat?.absorb(stat);
    for (const [index, folded] of groups.entries()) this.groups[index]?.absorb(folded);
  }
}

/** A profile; the cells are raw counts. */
export class ProfileFold implements FlowFold<readonly ProfileCell[]> {
  readonly wanted: WantedColumns | undefined;
  readonly profile: Profile;

  constructor(shape: ProfileShape, wanted: WantedColumns | undefined) {
    this.wanted = wanted;
    this.profile = new Profile(shape);
  }

  add(batch: FlowBatch): void {
    this.profile.add(batch);
  }

  part(): readonly ProfileCell[] {
    return this.profile.cells();
  }

  merge(cells: readonly ProfileCell[]): void {
    this.profile.merge(cells, this.profile.shape, '');
  }
}
