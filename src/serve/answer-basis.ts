/** What an answer rests on, as the reader of stored series finds it: from the slots that were read, before anything is made of them. */

import { estimateErrorPercent, exactMembersMax } from '../fold/member-set.js';
import { binErrorPercent } from '../fold/timer-values.js';
import type { Basis } from '../query/answers.js';
import type { Archive, StoredSlots } from './metric-store.js';

/** Points that came sampled, and the events that they stand for. */
export interface Sampled {
  readonly points: number;
  readonly events: number;
}

export interface ReadOf {
  readonly name: string;
  readonly method: string;
  readonly xFilesFactor: number;
  readonly ladder: readonly Archive[];
  readonly now: number;
  /** Undefined: none came sampled. */
  readonly sampled: Sampled | undefined;
  /** The values that are shown. */
  readonly shown: Float64Array;
  /** A figure of a StatsD metric: an idle slot that is shown is known. */
  readonly isFigure: boolean;
}

/** The basis of one series. */
export function basisOf(slots: StoredSlots, read: ReadOf): Basis {
  const { counts, filled, values, distinct } = slots;
  let [points, unknown, lacking] = [0, 0, 0];
  for (let slot = 0; slot < counts.length; slot++) {
    const count = counts[slot] as number;
    points += count;
    const isShown = !Number.isNaN(read.shown[slot]);
    unknown += read.isFigure ? Number(!isShown) : 1 - Math.min(1, count === 0 ? 0 : (filled[slot] as number));
    if (count !== 0 && !isShown && (filled[slot] as number) >= read.xFilesFactor - 1e-9) lacking++;
  }
  const errors = [
    ...(values?.some((part) => part !== undefined && !part.exact) === true ? [binErrorPercent] : []),
    ...(distinct?.some((members) => members > exactMembersMax) === true ? [estimateErrorPercent] : []),
  ];
  const { name, method, xFilesFactor, sampled } = read;
  // A point that came is one, whatever it weighs.
  const received = sampled === undefined ? points : Math.round(points - sampled.events + sampled.points);
  const archives = archivesOf(slots, read);
  return {
    ...{ name, method, xFilesFactor, points, received, archives, slots: counts.length, unknownSlots: unknown, exact: errors.length === 0 },
    ...(errors.length === 0 ? {} : { errorPercent: Math.max(...errors) }),
    ...(lacking === 0 ? {} : { lackingSlots: lacking }),
  };
}

// Steps of the archives whose time meets the range: each begins where the finer one ends.
function archivesOf({ start, stepSeconds, counts }: StoredSlots, { ladder, now }: ReadOf): number[] {
  const end = start + counts.length * stepSeconds;
  return ladder.flatMap((archive, index) => {
    const [from, until] = [
      now - archive.keepSeconds,
      index === 0 ? Number.POSITIVE_INFINITY : now - (ladder[index - 1] as Archive).keepSeconds,
    ];
    return start < until && end > from ? [archive.stepSeconds] : [];
  });
}
