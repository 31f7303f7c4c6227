// Every zoom shows the same sum: a property over range, step and maxDataPoints. Points at random seconds of two days; a question's range is cut at the
// slots that it is answered in, so what must be shown is what lies in those. Seeded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const clock = 1_795_392_000;
const span = 2 * 86_400;

test('any range, step and number of points: what is shown adds up to what was sent', async () => {
  const schemas = { ten: '10s:3d', mixed: '10s:6h,1m:1d,10m:30d', minute: '1m:10d', day: '1d:1y' };
  const { writeFileSync, mkdtempSync } = await import('node:fs');
  const { join } = await import('node:path');
  const folder = mkdtempSync(join((await import('node:os')).tmpdir(), 'weir-zoom-'));
  writeFileSync(
    join(folder, 'schemas.conf'),
    Object.entries(schemas)
      .map(([name, retentions]) => `[${name}]\npattern = ^zoom\\.${name}\nretentions = ${retentions}\n`)
      .join(''),
  );
  const configuration = `[graphite]\nschemas = "${join(folder, 'schemas.conf')}"\n[[rule]]\npattern = "^zoom"\nmethod = "sum"\n`;
  const daemon = await startDaemon({ folder, configuration, words: ['--now', String(clock)] });
  try {
    const times = Array.from({ length: 4000 }, (_, index) => clock - 1 - ((index * 7919 * 43) % (span - 1)));
    await sendTcp(daemon.ports.graphite, ...Object.keys(schemas).map((name) => times.map((time) => `zoom.${name} 1 ${time}\n`).join('')));
    await until(
      daemon.status,
      (status) => status.listeners.find((one) => one.name === 'graphite').accepted === 4000 * Object.keys(schemas).length,
    );
    const ask = async (name, from, end, points, step) => {
      const target = step === 0 ? `zoom.${name}` : `summarize(zoom.${name},"${step}s","sum",true)`;
      return (
        await daemon.render(`target=${encodeURIComponent(target)}&from=${from}&until=${end}&now=${clock}&maxDataPoints=${points}`)
      )[0];
    };
    // Each may become durable by a flush of its own.
    for (const name of Object.keys(schemas))
      await until(
        () => ask(name, clock - span - 1, clock, 1, 0),
        (series) => series !== undefined && sumOf(series) === 4000,
      );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(schemas)),
        fc.integer({ min: 0, max: span - 1 }),
        fc.integer({ min: 1, max: span }),
        fc.integer({ min: 1, max: 2000 }),
        async (name, offset, length, points) => {
          const from = clock - span + offset;
          const end = Math.min(clock, from + length);
          const whole = await ask(name, from, end, 1_000_000, 0);
          if (whole === undefined) return;
          const merged = await ask(name, from, end, points, 0);
          assert.equal(sumOf(merged), sumOf(whole), `${name} ${from} ${end} ${points}`);
          assert.ok(merged.datapoints.length <= points);
          // Beside the plain statement: the points in the slots that were shown.
          const [first, second] = whole.datapoints.map(([, at]) => at);
          if (second === undefined) return;
          const last = whole.datapoints.at(-1)[1] + (second - first);
          assert.equal(sumOf(whole), times.filter((time) => time >= first && time < last).length, `${name} ${from} ${end}`);
          for (const step of [600, 7200]) {
            const sums = await ask(name, from, end, 1_000_000, step);
            assert.equal(sumOf(sums), sumOf(whole), `${name} summarize ${step}`);
          }
        },
      ),
      { seed: 5, numRuns: 120 },
    );
  } finally {
    assert.equal(await daemon.stop(), 0);
    daemon.clean();
  }
});
