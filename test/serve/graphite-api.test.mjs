// Graphite's API as clients use it: tags, functions for Grafana's editor, jsonp, caching, gzip, forms; and hostile targets, refused or bounded while others are served.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { sendTcp, startDaemon, until } from './daemon.mjs';

let daemon;
const now = Math.floor(Date.now() / 1000);
const get = async (path, options) => await fetch(daemon.url + path, options);
const json = async (path) => {
  const response = await get(path);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};
const query = (path, fields) => `${path}?${new URLSearchParams(fields)}`;

before(async () => {
  daemon = await startDaemon({ words: ['--only', 'http,graphite'] });
  const lines = [];
  for (const server of ['web01', 'web02'])
    for (const rack of ['a1', 'a2']) lines.push(`disk.used;server=${server};rack=${rack} ${server.length + rack.length} ${now - 30}`);
  for (let index = 0; index < 300; index++) lines.push(`plain.n${index}.value ${index} ${now - 30}`);
  await sendTcp(daemon.ports.graphite, `${lines.join('\n')}\n`);
  await until(
    async () => await json(query('/render', { target: 'sumSeries(plain.*.value)', from: '-1h', noNullPoints: '1' })),
    ([sum]) => sum?.datapoints[0]?.[0] === 44_850,
  );
});
test('tags as Grafana asks for them', async () => {
  assert.deepEqual(await json('/tags'), [{ tag: 'name' }, { tag: 'rack' }, { tag: 'server' }]);
  assert.deepEqual(await json('/tags?filter=ra'), [{ tag: 'rack' }]);
  assert.deepEqual(await json('/tags/server'), {
    tag: 'server',
    values: [
      { count: 2, value: 'web01' },
      { count: 2, value: 'web02' },
    ],
  });
  assert.deepEqual(await json('/tags/none'), { tag: 'none', values: [] });
  assert.deepEqual(
    await json(
      query('/tags/findSeries', [
        ['expr', 'name=disk.used'],
        ['expr', 'rack=~a1'],
      ]),
    ),
    ['disk.used;rack=a1;server=web01', 'disk.used;rack=a1;server=web02'],
  );
  assert.deepEqual(await json(query('/tags/autoComplete/tags', { tagPrefix: 'r' })), ['rack']);
  assert.deepEqual(
    await json(
      query('/tags/autoComplete/tags', [
        ['expr', 'server=web01'],
        ['limit', '1'],
      ]),
    ),
    ['name'],
  );
  assert.deepEqual(await json(query('/tags/autoComplete/values', { tag: 'server', valuePrefix: 'web02' })), ['web02']);
  assert.deepEqual(await json(query('/tags/autoComplete/values', { tag: 'nothing' })), []);
  assert.equal((await get('/tags/autoComplete/values')).status, 400);
  const target = "groupByTags(seriesByTag('name=disk.used','server=~web.*'),'sum','rack')";
  const answer = await json(query('/render', { target, from: '-1h', noNullPoints: '1' }));
  assert.deepEqual(
    answer.map(({ target: name }) => name),
    ['disk.used;rack=a1', 'disk.used;rack=a2'],
  );
});

test('functions as the editor of Grafana reads them', async () => {
  const all = await json('/functions');
  assert.ok(Object.keys(all).length > 140, `${Object.keys(all).length} names`);
  const summarize = await json('/functions/summarize');
  assert.equal(summarize.group, 'Transform');
  assert.deepEqual(
    summarize.params.map(({ name, type }) => [name, type]),
    [
      ['seriesList', 'seriesList'],
      ['intervalString', 'interval'],
      ['func', 'aggFunc'],
      ['alignToFrom', 'boolean'],
    ],
  );
  const types = new Set([
    'aggFunc',
    'aggOrSeriesFunc',
    'any',
    'boolean',
    'date',
    'float',
    'integer',
    'intOrInf',
    'intOrInterval',
    'interval',
    'node',
    'nodeOrTag',
    'seriesList',
    'seriesLists',
    'string',
    'tag',
  ]);
  const groups = new Set(['Alias', 'Calculate', 'Combine', 'Filter Data', 'Filter Series', 'Graph', 'Sorting', 'Special', 'Transform']);
  for (const row of Object.values(all)) {
    assert.ok(groups.has(row.group), row.group);
    for (const { name, type } of row.params) assert.ok(types.has(type), `${row.name} ${name} ${type}`);
  }
  assert.equal((await get('/functions/nothing')).status, 404);
  assert.ok((await json('/functions?grouped=1')).Transform.summarize);
});

test('jsonp names a function and nothing else', async () => {
  const response = await get(query('/render', { target: 'plain.n1.value', jsonp: 'a.b$c' }));
  assert.match(await response.text(), /^a\.b\$c\(\[.*\]\)$/s);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  for (const jsonp of ['alert(1)//', 'a;b', '<script>', '', '1a', 'a..b'])
    assert.equal((await get(query('/metrics/find', { query: '*', jsonp }))).status, 400, jsonp);
});

test('a mark of the content, gzip, forms', async () => {
  const path = query('/render', { target: 'plain.*.value', from: String(now - 7200), until: String(now - 3700) });
  const first = await get(path);
  const etag = first.headers.get('etag');
  assert.match(first.headers.get('cache-control'), /max-age=60/);
  assert.equal(first.headers.get('content-encoding'), 'gzip');
  const again = await get(path, { headers: { 'If-None-Match': etag } });
  assert.deepEqual([again.status, await again.text()], [304, '']);
  assert.equal((await get(`${path}&noCache=1`)).headers.get('cache-control'), 'no-store');
  const plain = await get(path, { headers: { 'Accept-Encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(await plain.text(), await first.text());
  const body = new URLSearchParams([
    ['target', 'sumSeries(plain.*.value)'],
    ['from', '-1h'],
    ['noNullPoints', '1'],
    ['format', 'json'],
  ]);
  const [sum] = await (await get('/render', { method: 'POST', body })).json();
  assert.deepEqual([sum.target, sum.datapoints[0][0]], ['sumSeries(plain.*.value)', 44_850]);
});

test('HEAD, and forms in parts', async () => {
  const target = 'sumSeries(plain.*.value)';
  const head = await get(query('/render', { target, from: '-1h' }), { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-type'), await head.text()], [200, 'application/json', '']);
  const form = new FormData();
  for (const [name, value] of Object.entries({ target, from: '-1h', noNullPoints: '1' })) form.append(name, value);
  form.append('file', new Blob(['let be']), 'file.txt');
  const [sum] = await (await get('/render', { method: 'POST', body: form })).json();
  assert.equal(sum.datapoints[0][0], 44_850);
  const torn = { method: 'POST', body: '--x\r\nnothing', headers: { 'Content-Type': 'multipart/form-data; boundary=y' } };
  assert.equal((await get('/render', torn)).status, 400);
});

test('hostile targets are refused or bounded, others are served', async () => {
  const refused = [
    `${'absolute('.repeat(1000)}a${')'.repeat(1000)}`,
    'a'.repeat(70_000),
    `plain.${'{a,b}'.repeat(30)}`,
    'sumSeries(',
    'nothing(plain.n1.value)',
    'timeStack(plain.n1.value,"1d",0,1000000)',
    'summarize(plain.n1.value,"0s")',
    'sin("x",1,0)',
    'aliasSub(plain.n1.value,"(","x")',
  ];
  for (const target of refused) {
    const response = await get('/render', { method: 'POST', body: new URLSearchParams({ target }) });
    const text = await response.text();
    assert.ok(response.status >= 400 && response.status < 500, `${target.slice(0, 40)}: ${response.status} ${text.slice(0, 200)}`);
    assert.equal(typeof JSON.parse(text).error.message, 'string');
  }
  const evil = [
    `grep(plain.*.value,"${'(a+)+'.repeat(20)}$")`,
    'aliasSub(plain.*.value,"(.*)*(.*)*(.*)*x","y")',
    `plain.${'*'.repeat(500)}x.value`,
    `plain.${'*n'.repeat(200)}.value`,
    "seriesByTag('name=~(d+)+$','server=~(.*)*x')",
  ];
  for (const target of evil)
    assert.equal((await get('/render', { method: 'POST', body: new URLSearchParams({ target }) })).status, 200, target.slice(0, 60));
  assert.equal((await json('/render?target=plain.n7.value&from=-1h&noNullPoints=1'))[0].datapoints[0][0], 7);
});

test('an error says the column', async () => {
  const { error } = await (await get(query('/render', { target: 'sumSeries(plain.n1.value,nope(1))' }))).json();
  assert.equal(error.column, 26);
  assert.match(error.message, /unknown function: nope/);
});

test('pictures', async () => {
  const asked = { target: 'plain.n{7,8}.value', from: '-10min', width: '640', height: '240', title: 'Two & <more>', tz: 'Asia/Kolkata' };
  const svg = await get(query('/render', { ...asked, format: 'svg' }));
  assert.equal(svg.headers.get('content-type'), 'image/svg+xml');
  assert.match(svg.headers.get('content-security-policy'), /default-src 'none'/);
  const text = await svg.text();
  assert.match(text, /^<svg [^>]*width="640" height="240"/);
  assert.match(text, /Two &amp; &lt;more&gt;/);
  assert.match(text, /Asia\/Kolkata/);
  for (const path of [query('/render', { ...asked, format: 'png' }), query('/render', asked)]) {
    const png = await get(path, { headers: { Accept: 'image/avif,image/png,*/*;q=0.8' } });
    assert.equal(png.headers.get('content-type'), 'image/png');
    const bytes = Buffer.from(await png.arrayBuffer());
    assert.deepEqual([bytes.toString('latin1', 1, 4), bytes.readUInt32BE(16), bytes.readUInt32BE(20)], ['PNG', 640, 240]);
  }
  for (const wrong of [{ width: '1e9' }, { areaMode: 'pie' }, { colorList: 'url(x)' }, { tz: 'Mars/Olympus' }])
    assert.equal((await get(query('/render', { ...asked, format: 'svg', ...wrong }))).status, 400, JSON.stringify(wrong));
});

test('a client that goes away ends its query; others are served meanwhile', async () => {
  const target = `sumSeries(${Array.from({ length: 60 }, () => 'plain.*.value').join(',')})`;
  let outcome;
  // One that was answered before it could be given up tells nothing: once more.
  for (let attempt = 0; attempt < 20 && outcome !== 'AbortError'; attempt++) {
    const controller = new AbortController();
    const body = new URLSearchParams({ target, from: '-6h' });
    const long = get('/render', { method: 'POST', body, signal: controller.signal }).then(
      () => 'answered',
      ({ name }) => name,
    );
    assert.equal((await json('/render?target=plain.n7.value&from=-1h&noNullPoints=1'))[0].datapoints[0][0], 7);
    controller.abort();
    outcome = await long;
  }
  assert.equal(outcome, 'AbortError');
});

test('the daemon ends with 0 after all that', async () => {
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});
