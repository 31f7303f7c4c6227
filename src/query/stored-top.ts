/**
 * Top lists from stored quarter-hour slots: the slots of a range are merged into the calendar periods asked for, then ranked. Every
 * boundary of a period falls on a quarter of an hour, so that a zone's days are exact; a range is cut to whole slots.
 */

import { Usage } from '../base/faults.js';
import { HitCounter } from '../fold/hit-counter.js';
import { mergeHitCounts } from '../fold/hit-counts.js';
import { defaultKeyOptions, type KeySpec, parseKeySpecs } from '../fold/hit-keys.js';
import { type Per, pers, ZoneCalendar } from '../fold/period.js';
import type { HitJournal } from '../keep/hit-journal.js';
import { countedPeriod, rankPeriods, type TopRow } from './rank.js';

export interface StoredTopOptions {
  readonly by: string;
  readonly per: string;
  readonly zone: string;
  readonly n: number;
  readonly compare?: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
  readonly memoryBytes: number;
  /** Numbers the distinct visitors: the store must keep the list `host+agent`. */
  readonly visitors?: boolean | undefined;
}

/** The list whose keys are visitors. */
export const visitorList = 'host+agent';

/** The lists asked for and that of the visitors, unless it is among them, whose keys are to be numbered. */
export function withVisitors(specs: readonly KeySpec[]): KeySpec[] {
  const all = specs.some((spec) => spec.name === visitorList) ? specs : [...specs, ...parseKeySpecs(visitorList)];
  return all.map((spec) => (spec.name === visitorList ? { ...spec, distinct: true } : spec));
}

/** The rows of stored counts. Throws Usage for a list that the store does not keep. */
export function storedTop(stored: HitJournal, options: StoredTopOptions): TopRow[] {
  const per = pers.find((known) => known === options.per) as Per | undefined;
  if (per === undefined) throw new Usage(`per '${options.per}': expected one of ${pers.join(', ')}`);
  const asked = parseKeySpecs(options.by);
  const visitors = options.visitors === true ? visitorList : undefined;
  const specs = visitors === undefined ? asked : withVisitors(asked);
  const kept = new Set<string>();
  const calendar = new ZoneCalendar(options.zone);
  const counter = new HitCounter({ specs, keys: defaultKeyOptions, per, calendar, memoryBytes: options.memoryBytes });
  let untilCheck = 0;
  for (const { period, counts } of stored.slots(options.fromMs, options.toMs)) {
    for (const name of counts.tallies.keys()) kept.add(name);
    mergeHitCounts(counter.countsAt(period.startMs), counts);
    untilCheck += 1;
    if (untilCheck % 16 === 0) counter.keepBound();
  }
  counter.keepBound();
  for (const { name } of specs) {
    if (kept.size > 0 && !kept.has(name)) {
      throw new Usage(`by '${name}': the store keeps ${[...kept].sort().join(', ')} (the key lists of [logs] names what is kept)`);
    }
  }
  return rankPeriods([...counter.periods.values()].map(countedPeriod), { specs: asked, n: options.n, visitors, compare: options.compare });
}
