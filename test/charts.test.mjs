// Charts of series: a golden SVG of each way to draw, looked at when it was made; WEIR_UPDATE=1 writes them anew, to be reviewed. PNG is the same picture.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stepEdges } from '../dist/query/calendar-steps.js';
import { availabilityChart } from '../dist/render/availability-chart.js';
import { chartParameters } from '../dist/render/chart-parameters.js';
import { pngOf } from '../dist/render/png.js';
import { seriesChart } from '../dist/render/series-chart.js';
import { timeTicks } from '../dist/render/time-axis.js';

const golden = fileURLToPath(new URL('golden/charts', import.meta.url));
const start = Date.UTC(2026, 2, 28, 18) / 1000;

// A day in which Berlin's clocks go forward; a wave with a gap, a lone value, a count, a line that is unknown.
const series = (name, value, rest = {}) => ({
  name,
  tags: { name },
  pathExpression: name,
  start,
  end: start + 288 * 300,
  stepSeconds: 300,
  values: Float64Array.from({ length: 288 }, (_, slot) => value(slot)),
  method: 'average',
  xFilesFactor: 0,
  ...rest,
});
const wave = series('web01.cpu', (slot) =>
  slot > 90 && slot < 120 ? (slot === 105 ? 60 : Number.NaN) : Math.round(50 + 30 * Math.sin(slot / 20)),
);
const other = series('web02.cpu & <more>', (slot) => 20 + (slot % 40));
const count = series('requests', (slot) => 1000 * (1 + (slot % 7)), { method: 'sum' });
const unknown = series('nothing', () => Number.NaN);
const charts = {
  lines: [[wave, other, unknown], 'title=CPU of <servers>&vtitle=percent&width=900&height=360'],
  stacked: [[wave, other], 'areaMode=stacked&lineMode=staircase&width=700&height=300&yMin=0&yMax=200'],
  areas: [[count], 'areaMode=all&width=600&height=240&colorList=orange,00ff00&bgcolor=black&fgcolor=white&yUnitSystem=binary'],
  connected: [[wave], 'lineMode=connected&lineWidth=3&hideLegend=true&hideGrid=true&width=500&height=200'],
  axes: [[wave, { ...count, drawing: { secondYAxis: true, dashed: 4 } }], 'width=800&height=320&title=two axes'],
  band: [
    [
      { ...other, drawing: { stacked: 'areaBetween', invisible: true } },
      { ...wave, drawing: { stacked: 'areaBetween' } },
    ],
    'width=500&height=250',
  ],
  logarithmic: [[count, wave], 'logBase=10&width=500&height=250'],
  small: [[wave, other, count], 'graphOnly=true&width=120&height=60'],
  empty: [[], 'width=330&height=250'],
};

for (const [name, [shown, words]] of Object.entries(charts)) {
  test(`chart: ${name}`, () => {
    const options = { ...chartParameters(new URLSearchParams(words)), from: start, until: start + 288 * 300, timeZone: 'Europe/Berlin' };
    const svg = seriesChart(shown, options);
    const path = join(golden, `${name}.svg`);
    if (process.env.WEIR_UPDATE === '1') {
      mkdirSync(golden, { recursive: true });
      writeFileSync(path, svg);
    }
    assert.ok(existsSync(path), `no golden ${name}: WEIR_UPDATE=1 writes it`);
    assert.equal(svg, readFileSync(path, 'utf8'));
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  });
}

// A month of London, with its day of 25 hours; outages of minutes and of days, an hour of maintenance each Sunday, an end without readings.
function month() {
  const [from, until] = [Date.UTC(2026, 9, 1) / 1000 - 3600, Date.UTC(2026, 10, 1) / 1000];
  const days = stepEdges({ unit: 'day' }, from, until, 'Europe/London');
  const hours = stepEdges({ seconds: 3600 }, from, until, 'Europe/London');
  const outages = [
    [30_000, 30_300],
    [86_400 * 4 + 50_000, 86_400 * 5 + 20_000],
    [86_400 * 11, 86_400 * 11 + 7200],
    [86_400 * 24 + 3000, 86_400 * 24 + 9000],
    [86_400 * 24 + 86_400, 86_400 * 24 + 89_000],
  ].map(([start, end]) => ({ start: from + start, end: from + end }));
  const hourOf = (start, index) => {
    const end = hours[index + 1];
    const unknown = outages.reduce((sum, one) => sum + Math.max(0, Math.min(one.end, end) - Math.max(one.start, start)), 0);
    const planned = new Date((start + 3600) * 1000).getUTCDay() === 0 && new Date(start * 1000).getUTCHours() === 3 ? end - start : 0;
    const spoken = start > until - 86_400 ? 0 : end - start - planned;
    return { start, end, knownSeconds: Math.max(0, spoken - unknown), unknownSeconds: Math.min(spoken, unknown), plannedSeconds: planned };
  };
  const all = Array.from(hours.subarray(0, -1), hourOf);
  return {
    name: 'ping.<host>',
    summary: '5 outages, 16h 25m of 30d 20h (2.2 %)',
    outages,
    days: Array.from(days.subarray(0, -1), (start, index) => ({
      name: `day ${index + 1}`,
      start,
      end: days[index + 1],
      hours: all.filter((hour) => hour.start >= start && hour.start < days[index + 1]),
    })),
  };
}

const availabilityCharts = {
  availability: [month()],
  'availability-two': [
    { ...month(), days: month().days.slice(22, 26) },
    {
      name: 'nothing',
      summary: '0 outages, 0s of no time at all',
      days: month()
        .days.slice(0, 1)
        .map((day) => ({ ...day, hours: [] })),
      outages: [],
    },
  ],
};

for (const [name, shown] of Object.entries(availabilityCharts)) {
  test(`chart: ${name}`, async () => {
    const svg = availabilityChart(shown, 'Europe/London');
    const path = join(golden, `${name}.svg`);
    if (process.env.WEIR_UPDATE === '1') writeFileSync(path, svg);
    assert.ok(existsSync(path), `no golden ${name}: WEIR_UPDATE=1 writes it`);
    assert.equal(svg, readFileSync(path, 'utf8'));
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    assert.equal(Buffer.from(await pngOf(svg)).readUInt32BE(16), 960);
  });
}

test('a PNG has the size asked for', async () => {
  const options = {
    ...chartParameters(new URLSearchParams('width=321&height=123')),
    from: start,
    until: start + 288 * 300,
    timeZone: 'UTC',
  };
  const png = Buffer.from(await pngOf(seriesChart([wave], options)));
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [321, 123]);
});

test('ticks stay round where the clocks change', () => {
  const ticks = timeTicks(start, start + 288 * 300, 'Europe/Berlin', 10);
  assert.ok(ticks.length >= 6 && ticks.length <= 12, `${ticks.length} ticks`);
  assert.ok(
    ticks.every(({ text }) => /^\d\d:00$/.test(text)),
    ticks.map(({ text }) => text).join(' '),
  );
  assert.deepEqual(
    ticks.filter(({ day }) => day !== '').map(({ day }) => day),
    ['Sat 28 Mar', 'Sun 29 Mar'],
  );
  for (const seconds of [10, 600, 86_400, 40 * 86_400, 800 * 86_400, 40 * 366 * 86_400]) {
    const count = timeTicks(start, start + seconds, 'America/New_York', 8).length;
    assert.ok(count >= 2 && count <= 17, `${count} ticks in ${seconds} s`);
  }
});

test('a parameter that is none is said', () => {
  for (const words of ['width=x', 'width=100000', 'areaMode=pie', 'colorList=red,javascript', 'bgcolor="><script>', 'yMin=a', 'lineMode=1'])
    assert.throws(() => chartParameters(new URLSearchParams(words)), /expected/, words);
});
