// Graphite's events: kept durably, found by time and tags as graphite-web finds them, drawn by `events()`, the same after a restart and over the store.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDaemon } from './daemon.mjs';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const weir = (...words) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', timeout: 60_000 });
const now = 1_795_478_430;
const options = { words: ['--now', String(now), '--only', 'http'] };
const post = async (daemon, event, headers = {}) => {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const response = await fetch(`${daemon.url}/events/`, { method: 'POST', body, headers });
  return [response.status, await response.text()];
};
const get = async (daemon, query = '') => await (await fetch(`${daemon.url}/events/get_data?${query}`)).json();
const names = (events) => events.map(({ what }) => what);

test('events are kept, found by time and tags, and drawn', async () => {
  const daemon = await startDaemon(options);
  assert.deepEqual(await get(daemon), []);
  assert.deepEqual(await post(daemon, { what: 'deploy 1.2', tags: ['deploy', 'web'], data: 'by ada', when: now - 600 }), [200, '']);
  assert.deepEqual(await post(daemon, { what: 'deploy 1.3', tags: 'deploy db', when: now - 60.5 }), [200, '']);
  assert.deepEqual(await post(daemon, { what: 'alarm' }), [200, '']);
  assert.deepEqual(await post(daemon, { what: 'deploy 1.1', tags: ['deploy'], when: now - 600 }), [200, '']);
  const first = { when: now - 600, what: 'deploy 1.2', data: 'by ada', tags: ['deploy', 'web'], id: 1 };
  const all = [
    first,
    { when: now - 600, what: 'deploy 1.1', data: '', tags: ['deploy'], id: 4 },
    { when: now - 61, what: 'deploy 1.3', data: '', tags: ['deploy', 'db'], id: 2 },
    { when: now, what: 'alarm', data: '', tags: [], id: 3 },
  ];
  assert.deepEqual(await get(daemon), all);
  // Both ends belong to the range; words of time as elsewhere.
  assert.deepEqual(names(await get(daemon, `from=${now - 600}&until=${now - 61}`)), ['deploy 1.2', 'deploy 1.1', 'deploy 1.3']);
  assert.deepEqual(names(await get(daemon, 'from=-5min')), ['deploy 1.3', 'alarm']);
  assert.deepEqual(names(await get(daemon, 'tags=deploy+db')), ['deploy 1.3']);
  assert.deepEqual(names(await get(daemon, 'tags=web+db&set=intersection')), []);
  assert.deepEqual(names(await get(daemon, 'tags=web+db&set=union')), ['deploy 1.2', 'deploy 1.3']);
  assert.deepEqual(names(await get(daemon, 'tags=depl')), []);
  assert.deepEqual(await (await fetch(`${daemon.url}/events/1`)).json(), first);
  assert.equal((await fetch(`${daemon.url}/events/9`)).status, 404);
  assert.match(await (await fetch(`${daemon.url}/events/get_data?jsonp=draw&tags=web`)).text(), /^draw\(\[\{.*\}\]\)$/);
  const drawn = async (target) => {
    const [line] = await daemon.render(`target=${encodeURIComponent(target)}&from=-1h&noNullPoints=1`);
    return [line.target, line.datapoints];
  };
  assert.deepEqual(await drawn('events("deploy")'), [
    'events("deploy")',
    [
      [2, now - 600],
      [1, now - 61],
    ],
  ]);
  assert.deepEqual((await drawn('summarize(events("*"),"1h","sum",true)'))[1], [[3, now - 3600]]);
  assert.equal(await daemon.stop(), 0);
  const next = await startDaemon({ ...options, folder: daemon.folder });
  assert.deepEqual(await get(next), all);
  assert.deepEqual(await post(next, { what: 'after' }), [200, '']);
  assert.deepEqual(
    (await get(next, 'from=-1s')).map(({ what, id }) => [what, id]),
    [
      ['alarm', 3],
      ['after', 5],
    ],
  );
  const words = ['--data', join(daemon.folder, 'data'), '--now', String(now)];
  const offline = JSON.parse(weir('query', 'events("deploy","web")', ...words, '--from', '-1h', '--json').stdout);
  assert.deepEqual(
    offline[0].datapoints.filter(([value]) => value !== null),
    [[1, now - 600]],
  );
  assert.match(weir('take', 'graphite-events', 'events', '-n', '1', ...words.slice(0, 2)).stdout, /"what":"deploy 1.2"/);
  assert.equal(await next.stop(), 0);
  daemon.clean();
});

test('an event that cannot be read is refused and counted; one that is sent again counts once; those who may not write, may not', async () => {
  const daemon = await startDaemon({
    ...options,
    configuration: '[tokens]\nwriteEnvironment = "WEIR_TEST_WRITE"\n',
    environment: { WEIR_TEST_WRITE: 'writing' },
  });
  const token = { authorization: 'Bearer writing' };
  assert.equal((await post(daemon, { what: 'a' }))[0], 401);
  for (const [event, message] of [
    ['{', /no JSON/],
    ['[1]', /no object/],
    [{}, /'what'/],
    [{ what: 'a', tags: 5 }, /"tags" must be an array or space-separated string/],
    [{ what: 'a', when: 'soon' }, /'when'/],
    [{ what: 'a', when: -1 }, /'when'/],
    [{ what: 'a', data: {} }, /'data'/],
    [{ what: 'a'.repeat(70_000) }, /'what'/],
  ]) {
    const [status, text] = await post(daemon, event, token);
    assert.equal(status, 400);
    assert.match(JSON.parse(text).error.message, message);
  }
  const key = { ...token, 'idempotency-key': 'deploy-7' };
  for (let round = 0; round < 2; round++) assert.equal((await post(daemon, { what: 'once' }, key))[0], 200);
  await Promise.all(Array.from({ length: 20 }, (_, index) => post(daemon, { what: `e${index}` }, token)));
  const events = await get(daemon);
  assert.deepEqual(
    [...new Set(events.map(({ id }) => id))].sort((one, two) => one - two),
    Array.from({ length: 21 }, (_, index) => index + 1),
  );
  const metrics = await (await fetch(`${daemon.url}/metrics`, { headers: token })).text();
  assert.match(metrics, /weir_rejected_total\{listener="http",cause="event"\} 8/);
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});
