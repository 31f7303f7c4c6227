// The daemon's life and its contract: the ready line, ports, configuration, tokens, reload, and the shapes of what it answers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sendTcp, startDaemon, until } from './daemon.mjs';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const weir = (...words) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', timeout: 600_000 });

test('the ready line names what is open; --only opens just those', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http,graphite'] });
  assert.match(daemon.ready, /^ready http=127\.0\.0\.1:\d+ graphite=127\.0\.0\.1:\d+$/);
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});

test('wrong usage: exit 2 and one line; a taken port: exit 1 and one line', async () => {
  for (const words of [
    ['--port', 'nothing=1'],
    ['--port', 'http'],
    ['--only', 'telnet'],
    ['--port', 'http=70000'],
  ]) {
    const { status, stderr } = weir('serve', ...words);
    assert.equal(status, 2, words.join(' '));
    assert.equal(stderr.trim().split('\n').length, 1);
  }
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  const taken = weir('serve', '--only', 'http', '--port', `http=${daemon.ports.http}`, '--data', join(daemon.folder, 'other'));
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /^weir: .*in use/);
  await daemon.stop();
  daemon.clean();
});

test('unknown configuration keys are refused with those that would be right', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  for (const [text, said] of [
    ['[statsd]\nflushInterwal = 3\n', /unknown key 'statsd.flushInterwal' \(expected one of .*flushInterval/],
    ['[stats]\n', /unknown key 'stats'/],
    ['[statsd]\ndialect = "klingon"\n', /statsd.dialect/],
    ['[statsd\n', /weir\.toml:1/],
  ]) {
    writeFileSync(join(daemon.folder, 'bad.toml').replace('bad', 'weir'), text);
    const { status, stderr } = weir(
      'serve',
      '--config',
      join(daemon.folder, 'weir.toml'),
      '--port',
      'all=0',
      '--data',
      join(daemon.folder, 'other'),
    );
    assert.equal(status, 1);
    assert.match(stderr, said);
  }
  await daemon.stop();
  daemon.clean();
});

test('the sample configuration is accepted and names every key with its default', async () => {
  const { defaultConfiguration, readConfiguration, sections } = await import('../../dist/serve/configuration.js');
  const sample = readFileSync(new URL('../../packaging/weir.toml', import.meta.url), 'utf8');
  assert.deepEqual(readConfiguration(sample), defaultConfiguration);
  for (const [name, keys] of Object.entries(sections)) {
    assert.ok(sample.includes(`[${name}]`), name);
    for (const key of Object.keys(keys)) assert.match(sample, new RegExp(`^(# )?${key} = `, 'm'), `${name}.${key}`);
  }
});

test('tokens: reading and writing, from file and environment, never shown', async () => {
  const daemon = await startDaemon({
    words: ['--only', 'http,graphite'],
    configuration: '[tokens]\nreadEnvironment = "WEIR_TEST_READ"\nwriteEnvironment = "WEIR_TEST_WRITE"\n',
    environment: { WEIR_TEST_READ: 'reading-secret', WEIR_TEST_WRITE: 'writing-secret' },
  });
  const ask = async (token) =>
    (await fetch(`${daemon.url}/render?target=a`, { headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } })).status;
  assert.deepEqual([await ask(), await ask('wrong'), await ask('reading-secret'), await ask('writing-secret')], [401, 401, 200, 200]);
  assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
  const shown = await (await fetch(`${daemon.url}/api/status`, { headers: { Authorization: 'Bearer reading-secret' } })).text();
  assert.ok(!shown.includes('secret') && !daemon.stderr().includes('secret'));
  await daemon.stop();
  daemon.clean();
});

test('SIGHUP reads the configuration again; a wrong one changes nothing', async () => {
  const daemon = await startDaemon({ configuration: '[statsd]\nlegacyNamespace = true\n' });
  const reload = async (text, said) => {
    writeFileSync(join(daemon.folder, 'weir.toml'), text);
    daemon.child.kill('SIGHUP');
    await until(
      async () => daemon.stderr(),
      (stderr) => said.test(stderr),
    );
  };
  await reload('[statsd]\nnonsense = 1\n', /unknown key/);
  await reload('[statsd]\nlegacyNamespace = false\n', /was read again/);
  await sendTcp(daemon.ports['statsd-tcp'], 'renamed:1|c\n');
  await until(
    async () => await (await fetch(`${daemon.url}/metrics/find/?query=stats.counters.renamed.*`)).json(),
    (rows) => rows.length === 2,
  );
  await daemon.stop();
  daemon.clean();
});

test('SIGHUP renames what is there and takes other archives and methods', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http,statsd-tcp,graphite'], configuration: '' });
  await sendTcp(daemon.ports['statsd-tcp'], 'jobs:3|c\njobs:4|c\n');
  const shown = async (name) =>
    (await daemon.render(`target=${name}&from=-10min`)).map((one) => one.datapoints.filter(([value]) => value > 0));
  await until(
    () => shown('stats_counts.jobs'),
    ([points]) => points?.[0]?.[0] === 7,
  );
  writeFileSync(join(daemon.folder, 'schemas.conf'), '[all]\npattern = .*\nretentions = 30s:1d\n');
  writeFileSync(
    join(daemon.folder, 'aggregation.conf'),
    '[jobs]\npattern = ^st\\.c\\.jobs\naggregationMethod = max\n[all]\npattern = .*\naggregationMethod = average\n',
  );
  writeFileSync(
    join(daemon.folder, 'weir.toml'),
    '[statsd]\nlegacyNamespace = false\nglobalPrefix = "st"\nprefixCounter = "c"\n[graphite]\nschemas = "schemas.conf"\naggregation = "aggregation.conf"\n',
  );
  daemon.child.kill('SIGHUP');
  await until(
    async () => daemon.stderr(),
    (stderr) => stderr.includes('was read again'),
  );
  // The past has the new name; a rule that means this counter shows it by its method, the one for every name would not.
  assert.equal((await shown('st.c.jobs.count'))[0][0][0], 4);
  assert.deepEqual(await shown('stats_counts.jobs'), []);
  assert.deepEqual(await (await fetch(`${daemon.url}/metrics/find?query=*`)).json().then((rows) => rows.map(({ id }) => id)), ['st']);
  const now = Math.floor(Date.now() / 30_000) * 30 - 60;
  await sendTcp(daemon.ports.graphite, `load 1 ${now}\nload 2 ${now + 10}\n`);
  await until(
    () => shown('load'),
    ([points]) => points?.[0]?.[0] === 1.5 && points[0][1] === now,
  );
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});

test('/metrics, /healthz, /readyz, /version, /functions, the page', async () => {
  const daemon = await startDaemon();
  await sendTcp(daemon.ports.graphite, 'a.b 1 -1\nbad\n');
  const text = await until(
    async () => await (await fetch(`${daemon.url}/metrics`)).text(),
    (answer) => /weir_rejected_total\{listener="graphite",cause="columns"\} 1/.test(answer),
  );
  assert.match(text, /^# TYPE weir_lines_total counter$/m);
  assert.match(text, /^weir_lines_total\{listener="graphite"\} 2$/m);
  for (const path of ['/healthz', '/readyz', '/version', '/functions', '/', '/main.js', '/main.css', '/metrics/index.json']) {
    assert.equal((await fetch(daemon.url + path)).status, 200, path);
  }
  const missing = await fetch(`${daemon.url}/nothing`);
  assert.deepEqual([missing.status, (await missing.json()).error.kind], [404, 'not-found']);
  assert.equal((await fetch(`${daemon.url}/render`, { method: 'DELETE' })).status, 405);
  assert.equal((await fetch(`${daemon.url}/render/`, { method: 'POST', body: new URLSearchParams({ target: 'a.b' }) })).status, 200);
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});

test("the admin interface answers as etsy's server does", async () => {
  const daemon = await startDaemon();
  await sendTcp(daemon.ports['statsd-tcp'], 'adm.hits:3|c\n');
  const socket = connect(daemon.ports['statsd-admin'], '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes;
  });
  socket.write('stats\ncounters\nhealth\nnonsense\nquit\n');
  await once(socket, 'close');
  assert.match(answer, /^uptime: \d+\n/);
  assert.match(answer, /"adm\.hits": 3/);
  assert.match(answer, /END\n\n/);
  assert.match(answer, /health: up\n/);
  assert.match(answer, /ERROR\n/);
  await daemon.stop();
  daemon.clean();
});
