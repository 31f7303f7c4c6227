/**
 * `/api/query`: targets over a range as `/render` takes them, answered as `weir query --json` prints them, with what each series rests on. With `step` (`1h`, `1d`,
 * `1month` of `tz`) the range is `[from, until)` and figures are made from the cells on those steps.
 */

import { type Answered, answersOf, type Basis } from '../query/answers.js';
import { alignment, edgesOf, parseStep, stepEdges } from '../query/calendar-steps.js';
import { evaluateTarget } from '../query/evaluate.js';
import { maintenanceOf } from './maintenance.js';
import { contextOf } from './render-routes.js';
import { type Answer, HttpFault, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const targetsMax = 1000;

export const queryRoutes: readonly Route[] = [{ methods: ['GET', 'POST'], path: '/api/query', access: 'read', handle: query }];

async function query(request: WebRequest, services: Services): Promise<Answer> {
  const { parameters } = request;
  const targets = parameters.getAll('target').filter((target) => target.trim() !== '');
  if (targets.length === 0 || targets.length > targetsMax)
    throw new HttpFault(400, `the request has ${targets.length} targets (expected 1 to ${targetsMax})`);
  const bases: Basis[] = [];
  const maintenance = maintenanceOf(services.configuration());
  const { context: plain, plan } = contextOf(request, services, { bases });
  const asked = { ...plain, maintenance };
  const step = parameters.get('step');
  const edges = step === null || step === '' ? undefined : stepEdges(parseStep(step), asked.from, asked.until, asked.timeZone);
  // Labels of slots are their starts: those of [from, until) are the ones in (from - 1, until - 1].
  const context =
    edges === undefined
      ? asked
      : {
          ...asked,
          from: asked.from - 1,
          until: asked.until - 1,
          alignSeconds: alignment([asked.from, asked.until, ...edges, ...edgesOf(maintenance)]),
        };
  const answers: Answered[] = [];
  const rejected = await services.reader.rejectedWithin(asked);
  await plan.prepare(targets, context);
  for (const target of targets) {
    bases.length = 0;
    const series = await evaluateTarget(target, context);
    answers.push(...answersOf(series, { now: asked.now, maintenance, rejected, edges, countMax: asked.maxDataPoints }, bases));
  }
  return json(answers);
}
