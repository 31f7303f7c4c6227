/**
 * Changes of entities, one after another: whoever changes something hands in its changes, the writer looks at what is there, decides each, and commits what has gathered meanwhile in one transaction (one
 * write to the disk for all who wait). The changes of one caller are applied whole or not at all; conditions (ETags) hold against everything decided before.
 */

import type { StoredRecord } from '../keep/record-block.js';
import { entitySizeMax, etagOf, type Property, propertiesOf, storedOf } from '../query/entity.js';
import { get } from '../query/take.js';
import { AzureFault } from './azure-answers.js';
import type { RecordTables } from './record-tables.js';
import type { RecordStore } from './services.js';

export type ChangeKind = 'insert' | 'replace' | 'merge' | 'delete';

export interface Change {
  readonly kind: ChangeKind;
  readonly table: string;
  readonly partition: string;
  readonly row: string;
  readonly properties: readonly Property[];
  /** An ETag, or `*`; undefined: replace and merge insert what is not there. */
  readonly ifMatch: string | undefined;
}

/** What became of a change: the record as it is now; undefined when it was deleted. */
export type Outcome = StoredRecord | undefined;

interface Submission {
  readonly changes: readonly Change[];
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Changes by the key of their entity, that are decided and not committed yet. */
type Decided = Map<string, { readonly change: Change; readonly record: Outcome }>;

const gatheredMax = 1000;

export class AzureWriter {
  readonly #records: RecordStore;
  readonly #tables: Pick<RecordTables, 'has'>;
  readonly #now: () => number;
  #waiting: Submission[] = [];
  #isRunning = false;
  #last = 0;

  constructor(records: RecordStore, tables: Pick<RecordTables, 'has'>, now: () => number) {
    this.#records = records;
    this.#tables = tables;
    this.#now = now;
  }

  /** Applies changes, all or none; resolves when they are durable. Rejects with AzureFault, whose index is that of the change. */
  apply(changes: readonly Change[]): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // Whoever arrived in the same turn shares the transaction.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#commit(this.#waiting.splice(0, gatheredMax));
    }
    this.#isRunning = false;
  }

  async #commit(submissions: readonly Submission[]): Promise<void> {
    const changed: Decided = new Map();
    const done: { readonly submission: Submission; readonly outcomes: readonly Outcome[] }[] = [];
    for (const submission of submissions) {
      try {
        const own: Decided = new Map();
        const outcomes: Outcome[] = [];
        for (const [index, change] of submission.changes.entries())
          outcomes.push(await this.#decide(change, changed, own, submission.changes.length > 1 ? index : undefined));
        for (const [key, one] of own) changed.set(key, one);
        done.push({ submission, outcomes });
      } catch (error) {
        submission.reject(error);
      }
    }
    // A table may have been deleted while its changes were decided.
    const isStanding = ({ table }: Change): boolean => this.#tables.has(table);
    const kept = done.filter(({ submission }) => submission.changes.every(isStanding));
    for (const one of done) if (!kept.includes(one)) one.submission.reject(new AzureFault('TableNotFound'));
    const records = [...changed.values()]
      .filter(({ change }) => isStanding(change))
      .map(({ change: { table, partition, row }, record }) => ({ table, partition, row, value: record?.value, at: record?.at }));
    try {
      if (records.length > 0) await this.#records.commit({ nowSeconds: Math.floor(this.#now() / 1000), records });
      for (const { submission, outcomes } of kept) submission.resolve(outcomes);
    } catch (error) {
      for (const { submission } of kept) submission.reject(error);
    }
  }

  async #decide(change: Change, changed: Decided, own: Decided, index: number | undefined): Promise<Outcome> {
    const { kind, table, partition, row, ifMatch } = change;
    const key = JSON.stringify([table, partition, row]);
    const held = own.get(key) ?? changed.get(key);
    const before = held === undefined ? await get(this.#records, table, partition, row) : held.record;
    const fault = (
      code: 'EntityAlreadyExists' | 'ResourceNotFound' | 'UpdateConditionNotSatisfied' | 'EntityTooLarge' | 'TooManyProperties',
    ): AzureFault => new AzureFault(code, undefined, index);
    if (kind === 'insert' && before !== undefined) throw fault('EntityAlreadyExists');
    if (kind !== 'insert' && before === undefined && ifMatch !== undefined) throw fault('ResourceNotFound');
    if (ifMatch !== undefined && ifMatch !== '*' && before !== undefined && etagOf(before.at) !== ifMatch)
      throw fault('UpdateConditionNotSatisfied');
    let record: Outcome;
    if (kind !== 'delete') {
      const properties =
        kind === 'merge' && before !== undefined ? merged(propertiesOf(before.value), change.properties) : change.properties;
      if (properties.length > 252) throw fault('TooManyProperties');
      const value = storedOf(properties);
      if (value.length > entitySizeMax / 3 && Buffer.byteLength(value) > entitySizeMax) throw fault('EntityTooLarge');
      this.#last = Math.max(this.#now() * 1000, this.#last + 1, (before?.at ?? 0) + 1);
      record = { row, at: this.#last, value };
    }
    own.set(key, { change, record });
    return record;
  }
}

function merged(before: readonly Property[], after: readonly Property[]): readonly Property[] {
  const all = new Map(before.map((property) => [property.name, property]));
  for (const property of after) all.set(property.name, property);
  return [...all.values()];
}
