/**
 * The law that Weir is for: an integer sum is the same number however it is asked for. Random series, steps, starts and widths go through
 * summarize, hitcount, consolidateBy(sum), integral, and every maxDataPoints; functions over them are evaluated as a request does it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pointsOf } from './consolidate.js';
import { evaluateTarget } from './evaluate.js';
import type { TargetContext } from './function.js';
import type { Series } from './series.js';

const shapes = fc.record({
  step: fc.constantFrom(1, 10, 60, 300, 3600),
  start: fc.integer({ min: 1, max: 100_000 }),
  values: fc.array(fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 }), { nil: Number.NaN, freq: 5 }), {
    minLength: 1,
    maxLength: 300,
  }),
  method: fc.constantFrom('sum', 'average', 'last', 'max'),
  width: fc.integer({ min: 1, max: 400 }),
  interval: fc.constantFrom('10s', '45s', '1min', '7min', '1h', '1d'),
});

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);

function contextOf(series: Series): TargetContext {
  return {
    from: series.start - series.stepSeconds,
    until: series.end - series.stepSeconds,
    now: 4e9,
    timeZone: 'UTC',
    maxDataPoints: undefined,
    fetch: async () => [series],
    template: {},
    budget: { calls: 100 },
  };
}

test('a sum is the same number through every function and at every width', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ step, start: first, values, method, width, interval }) => {
      const start = first * step;
      const shape = { name: 'a.b', pathExpression: 'a.b', tags: { name: 'a.b' }, stepSeconds: step, xFilesFactor: 0 } as const;
      const series: Series = { ...shape, start, end: start + values.length * step, values: Float64Array.from(values), method };
      const whole = sumOf(series.values);
      const context = contextOf(series);
      const targets = [
        'consolidateBy(a.b,"sum")',
        `consolidateBy(summarize(a.b,"${interval}","sum"),"sum")`,
        `consolidateBy(summarize(a.b,"${interval}","sum",true),"sum")`,
        `consolidateBy(smartSummarize(a.b,"${interval}","sum"),"sum")`,
        'consolidateBy(sumSeries(a.b,scale(a.b,0)),"sum")',
        'consolidateBy(scale(hitcount(a.b,"1h"),1),"sum")',
      ];
      for (const target of targets) {
        const [one] = await evaluateTarget(target, context);
        assert.ok(one !== undefined);
        const wanted = target.includes('hitcount') ? whole * step : whole;
        assert.equal(sumOf(one.values), wanted, target);
        const { values: shown, times } = pointsOf(one, width, one);
        assert.equal(sumOf(shown), wanted, `${target} at ${width}`);
        assert.ok(shown.length <= width && times.length === shown.length, `${shown.length} points of ${width}`);
      }
      const [integral] = await evaluateTarget('integral(a.b)', context);
      const known = integral?.values.filter((value) => !Number.isNaN(value)) ?? [];
      assert.equal(known.at(-1) ?? 0, whole, 'integral');
      const { values: drawn } = pointsOf(integral as Series, width, integral as Series);
      // The last point says it, unless every slot of its band is unknown or the first part of the only band was left out.
      const last = drawn.filter((value) => !Number.isNaN(value)).at(-1);
      if (last !== undefined) assert.equal(last, whole, `integral at ${width}`);
    }),
    { seed: 20_261_123, numRuns: 300 },
  );
});

test('what is a rate or a share of counts stands at the same height at every width', async () => {
  const shape = { name: 'a.b', pathExpression: 'a.b', tags: { name: 'a.b' }, stepSeconds: 10, xFilesFactor: 0, method: 'sum' } as const;
  const series: Series = { ...shape, start: 1000, end: 1000 + 3000, values: new Float64Array(300).fill(5) };
  const heights = {
    'scaleToSeconds(a.b,1)': 0.5,
    'asPercent(a.b,20)': 25,
    'divideSeries(a.b,a.b)': 1,
    'log(a.b,5)': 1,
    'countSeries(a.b)': 1,
    'isNonNull(a.b)': 1,
  };
  for (const [target, height] of Object.entries(heights)) {
    const [one] = await evaluateTarget(target, contextOf(series));
    for (const width of [1, 7, 50, 299, 300]) {
      const { values } = pointsOf(one as Series, width, one as Series);
      assert.ok(
        values.every((value) => Math.abs(value - height) < 1e-9),
        `${target} at ${width}: ${values[0]}`,
      );
    }
  }
});
