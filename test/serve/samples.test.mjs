// Samples by POST, each delivery once; values that are kept for percentiles and bins; points that are sent again; gauges that were set long ago.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const weir = (...words) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', timeout: 600_000 });
const now = 1_795_478_430;
const words = ['--now', String(now)];

async function post(daemon, body, headers = {}) {
  const response = await fetch(`${daemon.url}/ingest/samples`, { method: 'POST', body, headers });
  return { status: response.status, ...(await response.json()) };
}
const known = async (daemon, query) =>
  (await daemon.render(`from=-1h&${query}`)).map((one) => [one.target, one.datapoints.filter(([value]) => value !== null)]);

test('POST /ingest/samples: 200 means durable, a repeated key counts once, rejects are counted', async () => {
  const daemon = await startDaemon({
    words: [...words, '--only', 'http'],
    configuration: '[tokens]\nwriteEnvironment = "WEIR_TEST_WRITE"\n',
    environment: { WEIR_TEST_WRITE: 'writing' },
  });
  const token = { authorization: 'Bearer writing' };
  assert.equal((await post(daemon, `a 1 ${now}\n`)).status, 401);
  const lines = `shop.orders 1 ${now}\nshop.orders 2 ${now}\nbad\nold 1 1000\n`;
  const first = { status: 200, accepted: 2, rejected: { columns: 1, 'too-old': 1 }, duplicate: false };
  assert.deepEqual(await post(daemon, lines, { ...token, 'idempotency-key': 'a-1' }), first);
  // Nobody waits for a flush: what was answered is there, and a second process sees it too.
  assert.equal(sumOf((await daemon.render('target=exactSum(shop.orders)&from=-1h'))[0]), 3);
  const beside = weir(
    'query',
    'exactSum(shop.orders)',
    '--data',
    join(daemon.folder, 'data'),
    '--from',
    '-1h',
    '--now',
    String(now),
    '--csv',
  );
  assert.match(beside.stdout, /,3\n/);
  const again = { status: 200, accepted: 0, rejected: {}, duplicate: true };
  assert.deepEqual(await post(daemon, lines, { ...token, 'idempotency-key': 'a-1' }), again);
  assert.deepEqual(await post(daemon, gzipSync(lines), { ...token, 'idempotency-key': 'a-1' }), again);
  assert.equal(sumOf((await daemon.render('target=exactSum(shop.orders)&from=-1h'))[0]), 3);
  const json = JSON.stringify([{ name: 'shop.visits', value: 2, time: now, weight: 10, tags: { site: 'de' } }, 5]);
  assert.deepEqual((await post(daemon, json, { ...token, 'content-type': 'application/json' })).rejected, { json: 1 });
  const tagged = await daemon.render("target=exactSum(seriesByTag('site=de'))&from=-1h");
  assert.equal(sumOf(tagged[0]), 20);
  assert.equal((await post(daemon, 'x', { ...token, 'idempotency-key': 'k'.repeat(300) })).status, 400);
  assert.equal((await post(daemon, Buffer.from([0x1f, 0x8b, 1, 2, 3]), token)).status, 400);
  assert.equal(await daemon.stop(), 0);
  // A key is remembered across a restart.
  const next = await startDaemon({ folder: daemon.folder, words: [...words, '--only', 'http'] });
  assert.equal((await post(next, lines, { 'idempotency-key': 'a-1' })).duplicate, true);
  await next.stop();
  next.clean();
});

test('series that keep their values show percentiles; timers show bins; a method without values shows nothing rather than another', async () => {
  const daemon = await startDaemon({
    words: [...words, '--only', 'http,statsd-tcp'],
    configuration: `[[rule]]\npattern = "^lat"\nmethod = "p90"\n[[rule]]\npattern = "^kept"\nhistogram = true
[[rule]]\npattern = "^stats.timers.api"\nhistogram = [10, 50.5, "inf"]\n`,
  });
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  await post(
    daemon,
    values.map((value) => `lat.a ${value} ${now - value}\nkept.a ${value} ${now - 300}\nplain.a ${value} ${now - 300}\n`).join(''),
  );
  assert.deepEqual((await known(daemon, 'target=lat.a&maxDataPoints=1'))[0][1][0][0], 90);
  assert.deepEqual(
    (await known(daemon, 'target=distribution(kept.a,50,95)')).map(([, points]) => points[0][0]),
    [50.5, 95],
  );
  await sendTcp(daemon.ports['statsd-tcp'], 'api.get:5|ms\napi.get:10|ms\napi.get:60|ms\nother:1|ms\n');
  await until(
    () => known(daemon, 'target=stats.timers.*.*.histogram.*'),
    (answer) => answer.length === 3 && answer[0][1].length === 1,
  );
  const bins = Object.fromEntries(
    (await known(daemon, 'target=stats.timers.api.get.histogram.*')).map(([name, points]) => [name, points[0][0]]),
  );
  const base = 'stats.timers.api.get.histogram.bin_';
  assert.deepEqual(bins, { [`${base}10`]: 1, [`${base}50_5`]: 1, [`${base}inf`]: 1 });
  assert.equal(await daemon.stop(), 0);
  // The method is changed afterwards: what was kept answers, what was not stays unknown.
  writeFileSync(join(daemon.folder, 'weir.toml'), '[[rule]]\npattern = "."\nmethod = "median"\n');
  const next = await startDaemon({
    folder: daemon.folder,
    words: [...words, '--only', 'http', '--config', join(daemon.folder, 'weir.toml')],
  });
  assert.equal((await known(next, 'target=kept.a'))[0][1][0][0], 50.5);
  assert.deepEqual((await known(next, 'target=plain.a'))[0][1], []);
  await next.stop();
  next.clean();
});

test('points that are sent again: counted and named by weir check; with a rule the last counts alone', async () => {
  const folder = await startDaemon({
    words: [...words, '--only', 'http,graphite'],
    configuration: '[[rule]]\npattern = "^meter"\nsameTimestamp = "replace"\n',
  });
  const daemon = folder;
  const times = Array.from({ length: 30 }, (_, index) => now - 600 + index * 5);
  const sent = (add) => times.map((at, index) => `meter.a ${index + add} ${at}\nplain.a ${index} ${at}\n`).join('');
  await sendTcp(daemon.ports.graphite, sent(0));
  const sum = async (name) => sumOf((await daemon.render(`target=exactSum(${name})&from=-1h`))[0] ?? { datapoints: [] });
  await until(
    () => sum('plain.a'),
    (value) => value === 435,
  );
  await sendTcp(daemon.ports.graphite, sent(1));
  await until(
    () => sum('plain.a'),
    (value) => value === 870,
  );
  assert.equal(await sum('meter.a'), 465);
  assert.match(await (await fetch(`${daemon.url}/metrics`)).text(), /^weir_repeated_points_total 15$/m);
  await daemon.stop();
  const checked = weir('check', '--data', join(daemon.folder, 'data'));
  assert.match(
    checked.stdout,
    /15 points or more repeated series and timestamp of another \(such as plain\.a\).*sameTimestamp = "replace"/,
  );
  daemon.clean();
});

test('a gauge that was set long ago is shown at each slot, before and after a restart, and a delta adds to it', async () => {
  const monthAgo = await startDaemon({ words: ['--now', String(now - 40 * 86_400), '--only', 'http,statsd-tcp'] });
  await sendTcp(monthAgo.ports['statsd-tcp'], 'stock:20|g\n');
  await monthAgo.stop();
  const daemon = await startDaemon({ folder: monthAgo.folder, words: [...words, '--only', 'http,statsd-tcp'] });
  assert.deepEqual(new Set((await known(daemon, 'target=stats.gauges.stock'))[0][1].map(([value]) => value)), new Set([20]));
  await sendTcp(daemon.ports['statsd-tcp'], 'stock:+5|g\n');
  await until(
    () => known(daemon, 'target=stats.gauges.stock'),
    ([[, points]]) => points.at(-1)[0] === 25,
  );
  // The clock stands still: what is set last counts, not what is greater, also when it comes with another flush.
  await sendTcp(daemon.ports['statsd-tcp'], 'stock:9|g\n');
  await until(
    () => known(daemon, 'target=stats.gauges.stock'),
    ([[, points]]) => points.at(-1)[0] === 9,
  );
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});

test('what an answer rests on: unknown time, points, archives, errors; the same over a server and over the store', async () => {
  const daemon = await startDaemon({
    words: [...words, '--only', 'http,statsd-tcp'],
    configuration: '[[rule]]\npattern = "^late"\nmethod = "p50"\n',
  });
  const lines = Array.from(
    { length: 90 },
    (_, index) => `half.a ${index} ${now - 10 - index * 20}\nold.a 1 ${now - 86_400 - index * 60}\n`,
  );
  await post(daemon, lines.join(''));
  const many = Array.from({ length: 600 }, (_, index) => `t:${index}|ms`).join('\n');
  await sendTcp(daemon.ports['statsd-tcp'], `${many}\n`);
  await until(
    () => known(daemon, 'target=stats.timers.t.count'),
    ([one]) => one?.[1][0]?.[0] === 600,
  );
  const config = ['--config', join(daemon.folder, 'weir.toml'), '--now', String(now), '--json'];
  const ask = (target, from, ...more) => {
    const over = [
      ['--data', join(daemon.folder, 'data')],
      ['--url', daemon.url],
    ].map((where) => weir('query', target, ...where, '--from', String(from), ...config, ...more));
    for (const { status, stderr } of over) assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(over[0].stdout), JSON.parse(over[1].stdout));
    return JSON.parse(over[1].stdout);
  };
  const [half] = ask('half.a', now - 1800);
  assert.deepEqual(half.weir, {
    ...{ stepSeconds: 10, method: 'average', xFilesFactor: 0, percentUnknown: 50, exact: true, series: 1, points: 90, archives: [10] },
    ...{ received: 90, samplingFactor: 1, rejected: {}, rejectedSince: new Date(now * 1000).toISOString().replace('.000', '') },
  });
  const [sum] = ask('sumSeries(half.a,old.a)', now - 90_000);
  assert.deepEqual([sum.weir.series, sum.weir.points, sum.weir.archives], [2, 90 + 60, [10, 60]]);
  const [upper] = ask('stats.timers.t.upper_90', now - 600);
  assert.deepEqual([upper.weir.exact, upper.weir.errorPercent, upper.weir.method], [false, 0.8, 'max']);
  const [day] = ask('exactSum(half.a)', now - (now % 3600) - 3600, '--until', String(now - (now % 3600) + 3600), '--step', '1h');
  assert.equal(sumOf(day), (89 * 90) / 2);
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});

test('an answer says how many points came sampled and what was turned away, over a server, over the store, and after a restart', async () => {
  const options = { words: [...words, '--only', 'http,statsd-tcp,graphite'] };
  const daemon = await startDaemon(options);
  await sendTcp(daemon.ports['statsd-tcp'], 'hits:1|c|@0.1\nhits:1|c|@0.1\nhits:3|c\nbad\nbad:x|c\nt:5|ms|@0.5\nt:7|ms\nplain:1|c\n');
  await sendTcp(daemon.ports.graphite, `nonsense\na 1 1000\na 1 ${now}\n`);
  const json = JSON.stringify([{ name: 'weighed', value: 2, time: now, weight: 4 }, 5]);
  assert.equal((await post(daemon, json)).accepted, 1);
  const rest = async (target, from = -3600) => {
    const [answer] = await (await fetch(`${daemon.url}/api/query?${new URLSearchParams({ target, from: String(now + from) })}`)).json();
    return answer?.weir;
  };
  const rejected = { graphite: { columns: 1, 'too-old': 1 }, http: { json: 1 }, 'statsd-tcp': { value: 2 } };
  const flushed = await until(
    () => rest('stats_counts.hits'),
    (weir) => weir !== undefined && weir.rejected.graphite?.['too-old'] === 1 && weir.rejected['statsd-tcp'] !== undefined,
  );
  assert.deepEqual([flushed.points, flushed.received, flushed.samplingFactor], [21, 3, 3 / 21]);
  assert.deepEqual(flushed.rejected, rejected);
  const figures = async (target) => {
    const { points, received, samplingFactor } = await rest(target);
    return [points, received, samplingFactor];
  };
  assert.deepEqual(await figures('stats_counts.plain'), [1, 1, 1]);
  assert.deepEqual(await figures('stats.timers.t.mean'), [3, 2, 2 / 3]);
  assert.deepEqual(await figures('weighed'), [4, 1, 1 / 4]);
  assert.deepEqual(await figures('sumSeries(weighed,stats_counts.plain)'), [5, 2, 2 / 5]);
  // Nothing of it is a series of anybody's.
  assert.deepEqual(
    await (await fetch(`${daemon.url}/metrics/find?query=*&format=json`)).json().then((rows) => rows.map(({ path }) => path)),
    [...['a', 'stats', 'stats_counts', 'weighed']],
  );
  assert.equal((await daemon.status()).series, 5);
  assert.equal(await daemon.stop(), 0);
  const next = await startDaemon({ ...options, folder: daemon.folder });
  assert.equal((await next.status()).series, 5);
  const over = ['--data', join(daemon.folder, 'data')];
  for (const where of [over, ['--url', next.url]]) {
    const { stdout } = weir('query', 'stats_counts.hits', ...where, '--from', '-1h', '--now', String(now), '--json');
    const [{ weir: told }] = JSON.parse(stdout);
    assert.deepEqual([told.received, told.rejected], [3, rejected]);
  }
  // What came later than the range is not in it.
  const { stdout } = weir(
    'query',
    'stats_counts.hits',
    ...over,
    '--from',
    '-1h',
    '--now',
    String(now),
    '--until',
    String(now - 600),
    '--json',
  );
  assert.deepEqual(JSON.parse(stdout)[0].weir.rejected, {});
  assert.equal(await next.stop(), 0);
  daemon.clean();
});
