/**
 * `weir load redis://...`: takes over the sorted sets of counts that a Redis user keeps by hand (`ZINCRBY day:top:2026-11-23 1 boots`).
 * The names of the keys say the period and the list (`query/redis-keys.ts`). Each set is a batch of its own, known by its name and its
 * content: a second load adds nothing, and a set that has changed since is refused rather than counted twice. Scores that are no counts
 * are rejected, their neighbours kept. This connects to the server that is named, reads, and changes nothing there.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Malformed, Usage } from '../base/faults.js';
import { boundKey, type KeyField, keyFields, parseKeySpecs } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { addTally } from '../fold/tally.js';
import { hitCounterOfQuarters } from '../keep/hit-batch.js';
import { HitJournal } from '../keep/hit-journal.js';
import { planRedisKeys, type RedisKey } from '../query/redis-keys.js';
import type { Invocation } from './command.js';

const membersMax = 20_000_000;
const identityNote = 'redis:';

/** Loads the sorted sets of a server; answers false if any could not be taken. */
export async function loadRedis(address: string, invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const shown = address.replace(/\/\/[^@/]*@/, '//');
  const list = invocation.text('by') ?? 'keyword';
  if (!(keyFields as readonly string[]).includes(list)) throw new Usage(`--by '${list}': expected one of ${keyFields.join(', ')}`);
  const calendar = new ZoneCalendar(invocation.text('tz') ?? 'UTC');
  const redis = new Redis(address, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, connectTimeout: 10_000 });
  let reason: unknown;
  redis.on('error', (error) => {
    reason = error;
  });
  try {
    await redis.connect();
    const names = await namesOf(redis, invocation.text('keys') ?? '*');
    const plan = planRedisKeys(names, list as KeyField, calendar);
    const say = (text: string): unknown => world.stderr.write(`weir: ${shown}: ${text}\n`);
    if (plan.covered.length > 0) say(`left out, since finer sets hold their counts: ${someOf(plan.covered)}`);
    if (plan.dateless.length > 0) say(`left out, since their names hold no date: ${someOf(plan.dateless)}`);
    return await loadSets(redis, plan.taken, invocation, say);
  } catch (error) {
    if (error instanceof Usage || error instanceof Malformed) throw error;
    const cause = reason ?? error;
    throw new Malformed(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { file: shown }, error);
  } finally {
    redis.disconnect();
  }
}

async function namesOf(redis: Redis, pattern: string): Promise<string[]> {
  const names = new Set<string>();
  for (let cursor = '0'; ; ) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'zset');
    for (const name of found) names.add(name);
    cursor = next;
    if (cursor === '0') return [...names];
  }
}

async function loadSets(redis: Redis, keys: readonly RedisKey[], invocation: Invocation, say: (text: string) => unknown): Promise<boolean> {
  const { world } = invocation;
  const specs = parseKeySpecs(['url', 'keyword', 'host', 'status', 'agent', ...keys.map((key) => key.list)].join(','));
  const journal = new HitJournal({ folder: join(invocation.text('data') ?? 'weir-data', 'hits'), specs, now: world.now }).open();
  const requestList = leadList(keys);
  const done = { sets: 0, members: 0, counts: 0, known: 0, changed: [] as string[], rejected: 0 };
  try {
    for (const key of keys) {
      const { members, rejected } = await membersOf(redis, key.name);
      const hash = hashOf(members);
      const before = journal.note(identityNote + key.name);
      done.rejected += rejected;
      if (before === hash) done.known += 1;
      else if (before !== undefined) done.changed.push(key.name);
      else {
        const counter = hitCounterOfQuarters(specs, Number.POSITIVE_INFINITY);
        const counts = counter.countsAt(key.period.startMs);
        const tally = counts.tallies.get(key.list);
        if (tally === undefined) continue;
        for (const [member, count] of members) addTally(tally, boundKey(member), count);
        if (key.list === requestList) counts.requests = tally.total;
        const identity = `${identityNote}${key.name}:${hash}`;
        await journal.commit({ counter, identity, notes: new Map([[identityNote + key.name, hash]]) });
        done.sets += 1;
        done.members += members.size;
        done.counts += tally.total;
      }
    }
  } finally {
    await journal.close();
  }
  say(
    `${done.sets} sorted sets, ${done.members} members, ${done.counts} counted${done.known > 0 ? `; ${done.known} loaded before, counted once` : ''}`,
  );
  if (done.sets > 0 && requestList !== undefined) say(`the number of requests is taken from the sets of '${requestList}'`);
  if (done.rejected > 0) say(`rejected: number ${done.rejected} (expected a score that is a whole number from 0 to 2^53)`);
  if (done.changed.length > 0) say(`changed since they were loaded, left as they were: ${someOf(done.changed)}`);
  return done.changed.length === 0;
}

// All members, also of a set that is written meanwhile: SCAN may repeat some, the last score seen holds.
async function membersOf(redis: Redis, name: string): Promise<{ members: Map<string, number>; rejected: number }> {
  const size = await redis.zcard(name);
  if (size > membersMax) throw new Malformed(`'${name}' has ${size} members (expected at most ${membersMax})`);
  const members = new Map<string, number>();
  let rejected = 0;
  for (let cursor = '0'; ; ) {
    const [next, found] = await redis.zscanBuffer(name, cursor, 'COUNT', 1000);
    for (let index = 0; index + 1 < found.length; index += 2) {
      const member = found[index]?.toString('latin1') ?? '';
      const count = Number(found[index + 1]);
      if (Number.isSafeInteger(count) && count >= 0) members.set(member, count);
      else rejected += 1;
    }
    cursor = String(next);
    if (cursor === '0') return { members, rejected };
  }
}

function hashOf(members: ReadonlyMap<string, number>): string {
  const hash = createHash('sha256');
  for (const member of [...members.keys()].sort()) hash.update(`${member.length} ${member} ${members.get(member)}\n`, 'latin1');
  return hash.digest('hex');
}

// Requests cannot be the sum of several lists: a hit stands in each. They are those of one list, url before keyword before the rest.
function leadList(keys: readonly RedisKey[]): KeyField | undefined {
  const present = new Set(keys.map((key) => key.list));
  return keyFields.find((field) => present.has(field));
}

function someOf(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}
