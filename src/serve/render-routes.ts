/**
 * `/render`: targets over a range as JSON, CSV, raw lines or shapes for other drawers. GET and POST alike. The range is `(from, until]`. An answer carries a mark of its content:
 * a client that has it already gets 304, and what lies wholly in the past may be kept for a minute. Source: "The Render URL API".
 */

import { createHash } from 'node:crypto';
import { Refused } from '../base/faults.js';
import { checkTimeZone } from '../base/time.js';
import { evaluateTarget } from '../query/evaluate.js';
import { eventsWithin } from '../query/events.js';
import type { TargetContext } from '../query/function.js';
import type { Series } from '../query/series.js';
import { parseWhen } from '../query/when.js';
import { FetchPlan } from './fetch-plan.js';
import { maintenanceOf } from './maintenance.js';
import type { Told } from './metric-reader.js';
import { isSet, pictureFormats, textFormats } from './render-formats.js';
import { type Answer, HttpFault, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const callsMax = 10_000;
const targetsMax = 1000;
/** Ranges that end this long ago change no more, but for late points. */
const settledSeconds = 3600;

export const renderRoutes: readonly Route[] = [{ methods: ['GET', 'POST'], path: '/render', access: 'read', handle: render }];

async function render(request: WebRequest, services: Services): Promise<Answer> {
  const { parameters } = request;
  const targets = parameters.getAll('target').filter((target) => target.trim() !== '');
  if (targets.length > targetsMax) throw new HttpFault(400, `the request has ${targets.length} targets (at most ${targetsMax})`);
  // A page's <img> asks for images and names no format, as Graphite lets it.
  const wantsImage = /^image\//.test(request.message.headers.accept ?? '');
  const plain = parameters.has('rawData') ? 'raw' : wantsImage ? 'png' : 'json';
  const format = parameters.get('format') ?? plain;
  const formats = { ...textFormats, ...pictureFormats };
  const write = Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (write === undefined)
    throw new HttpFault(400, `format '${format.slice(0, 20)}' is not served (expected ${Object.keys(formats).join(', ')})`);
  const releases: (() => void)[] = [];
  const { context: asked, plan } = contextOf(request, services, { releases });
  // Where every slot is written out, nothing merges what lies below the values.
  const context = { ...asked, onlyValues: asked.maxDataPoints === undefined && Object.hasOwn(textFormats, format) };
  const series: Series[] = [];
  if (context.from < context.now) {
    await plan.prepare(targets, context);
    for (const target of targets) {
      series.push(...(await evaluateTarget(target, context)));
    }
  }
  const answer = withCaching(await write(series, context, parameters), request, context);
  for (const release of releases) release();
  return answer;
}

/** What a request asks on, and the plan by which its targets fetch. */
export interface Asked {
  readonly context: TargetContext;
  readonly plan: FetchPlan;
}

/** The range, zone and limits of a request; `told` is added to as series are read. Throws when the range is empty or a word is no time. */
export function contextOf(request: WebRequest, services: Services, told: Told): Asked {
  const { parameters } = request;
  const timeZone = parameters.get('tz') || 'UTC';
  try {
    checkTimeZone(timeZone);
  } catch {
    throw new HttpFault(400, `tz '${timeZone.slice(0, 50)}' is no time zone (expected an IANA name such as Europe/Berlin)`);
  }
  const clock = Math.floor(services.now() / 1000);
  const now = parameters.has('now') ? parseWhen(parameters.get('now') as string, clock, timeZone) : clock;
  const from = parseWhen(parameters.get('from') || '-1d', now, timeZone);
  const until = parseWhen(parameters.get('until') || 'now', now, timeZone);
  if (from === until) throw new HttpFault(400, 'the time range is empty (from equals until)');
  const wanted = parameters.get('maxDataPoints');
  const maxDataPoints = wanted === null || wanted === '' ? undefined : Number(wanted);
  if (maxDataPoints !== undefined && !(maxDataPoints >= 1)) throw new HttpFault(400, `maxDataPoints '${wanted}' is no number above 0`);
  const plan = new FetchPlan({ reader: services.reader, limits: () => services.configuration().limits, ...told });
  const template: Record<string, string> = {};
  for (const [name, value] of parameters) {
    const found = /^template\[(.+)\]$/.exec(name);
    if (found !== null) template[found[1] as string] = value;
  }
  // The share of known slots that functions ask for when they merge some, unless a call says its own.
  const factor = parameters.get('xFilesFactor');
  const xFilesFactor = factor === null || factor === '' ? undefined : Number(factor);
  if (xFilesFactor !== undefined && !(xFilesFactor >= 0 && xFilesFactor <= 1))
    throw new HttpFault(400, `xFilesFactor '${factor?.slice(0, 20)}' (expected 0 to 1)`);
  const hidden = (series: readonly Series[]): readonly Series[] =>
    xFilesFactor === undefined ? series : series.map((one) => ({ ...one, xFilesFactor }));
  const context: TargetContext = {
    from: Math.min(from, until),
    until: Math.max(from, until),
    now,
    timeZone,
    maxDataPoints: maxDataPoints === undefined ? undefined : Math.floor(maxDataPoints),
    fetch: async (path, context) => hidden(await plan.fetch(path, context)),
    fetchTagged: async (expressions, context, shown) => hidden(await plan.fetchTagged(expressions, context, shown)),
    fetchEvents: async (start, end, tags) =>
      (await eventsWithin(services.records, { from: start, until: end, tags })).map((one) => one.when),
    maintenance: maintenanceOf(services.configuration()),
    template,
    isDropped: droppedOf(request, services),
    budget: { calls: callsMax, stacks: new Map() },
  };
  return { context, plan };
}

// Whether the client has gone. Throws Refused when the request takes too long, a little before its socket is closed for being idle.
function droppedOf({ isGone }: WebRequest, services: Services): () => boolean {
  const { requestSeconds } = services.configuration().limits;
  const lastMs = performance.now() + requestSeconds * 900;
  return () => {
    if (performance.now() > lastMs) throw new Refused(`the request takes longer than ${requestSeconds} s (limits.requestSeconds)`);
    return isGone();
  };
}

function withCaching(answer: Answer, request: WebRequest, context: TargetContext): Answer {
  const { parameters, message } = request;
  if ((typeof answer.body !== 'string' && !(answer.body instanceof Uint8Array)) || request.method !== 'GET') return answer;
  if (isSet(parameters, 'noCache')) return answer;
  const etag = `"${createHash('sha1').update(answer.body).digest('base64url')}"`;
  const settled = context.until < context.now - settledSeconds;
  const headers = { ...answer.headers, ETag: etag, 'Cache-Control': settled ? 'private, max-age=60' : 'private, no-cache' };
  if (message.headers['if-none-match']?.split(/,\s*/).includes(etag)) return { status: 304, type: answer.type, body: '', headers };
  return { ...answer, headers };
}
