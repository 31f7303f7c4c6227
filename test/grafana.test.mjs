// The provisioned dashboard against a running daemon: every target of every panel draws, every variable finds its values, as Grafana's Graphite data source asks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sendTcp, startDaemon, until } from './serve/daemon.mjs';

const dashboard = JSON.parse(readFileSync(fileURLToPath(new URL('../packaging/grafana/dashboards/weir.json', import.meta.url)), 'utf8'));
const filled = (text) => text.replaceAll('$counter', 'deploys').replaceAll('$timer', 'checkout').replaceAll('$series', 'servers.*.cpu.*');

test('the dashboard of packaging/grafana draws', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http,graphite,statsd-tcp'] });
  const now = Math.floor(Date.now() / 1000);
  await sendTcp(daemon.ports['statsd-tcp'], 'deploys:3|c\ndeploys:4|c\ncheckout:12|ms\ncheckout:48|ms\n');
  await sendTcp(daemon.ports.graphite, `servers.web01.cpu.user 12.5 ${now - 20}\nservers.web01.cpu.system 1 ${now - 20}\n`);
  // As Grafana sends it: a form with epoch seconds, format json, a width of the panel.
  const render = async (target) => {
    const body = new URLSearchParams({ target, from: String(now - 3600), until: String(now + 60), format: 'json', maxDataPoints: '937' });
    const response = await fetch(`${daemon.url}/render`, { method: 'POST', body });
    const text = await response.text();
    assert.equal(response.status, 200, `${target}: ${text}`);
    return JSON.parse(text);
  };
  const known = (series) => series.datapoints.filter(([value]) => value !== null);
  await until(
    async () => await Promise.all(['stats_counts.deploys', 'stats.timers.checkout.mean', 'servers.web01.cpu.user'].map(render)),
    (answers) => answers.every(([series]) => series !== undefined && known(series).some(([value]) => value > 0)),
  );
  const targets = dashboard.panels.flatMap(({ targets: list }) => list.map(({ target }) => filled(target)));
  assert.ok(targets.length >= 7);
  for (const target of targets) {
    const answers = await render(target);
    assert.ok(answers.length > 0 && answers.every((series) => known(series).length > 0), target);
  }
  const [all] = await render('stats_counts.deploys');
  assert.equal(
    known(all).reduce((sum, [value]) => sum + value, 0),
    7,
  );
  const names = (await render(filled(dashboard.panels[3].targets[0].target))).map(({ target }) => target);
  assert.deepEqual(names, ['p50', 'p95', 'p99']);
  for (const { type, query } of dashboard.templating.list) {
    if (type !== 'query') continue;
    const found = await (
      await fetch(`${daemon.url}/metrics/find?${new URLSearchParams({ query, from: String(now - 3600), until: String(now) })}`)
    ).json();
    assert.ok(
      found.length > 0 && found.every(({ text, expandable }) => typeof text === 'string' && (expandable === 0 || expandable === 1)),
      query,
    );
  }
  assert.equal(await daemon.stop(), 0);
  daemon.clean();
});
