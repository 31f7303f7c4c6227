/**
 * The status page: asks `/api/status` every two seconds and shows what each listener takes in, rejects by cause and loses, the series, the disk, and the
 * newest errors. No framework and nothing from elsewhere; texts are set as text, never as HTML, since lines of strangers are among them.
 */

import './main.css';
import type { ListenerStatus, Status } from '../src/serve/status-routes.js';

const root = document.getElementById('weir') as HTMLElement;
const periodMs = 2000;
const historyMax = 150;
let before: Status | undefined;
const rates: number[] = [];

type Child = Node | string;

function el(tag: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let index = 0;
  let shown = value;
  while (shown >= 1024 && index < units.length - 1) {
    shown /= 1024;
    index++;
  }
  return `${shown < 10 && index > 0 ? shown.toFixed(1) : Math.round(shown)} ${units[index]}`;
}

function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0
    ? `${hours} h ${minutes} min`
    : minutes > 0
      ? `${minutes} min ${Math.floor(seconds % 60)} s`
      : `${Math.floor(seconds)} s`;
}

function spark(values: readonly number[]): SVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('viewBox', `0 0 ${historyMax} 40`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const most = Math.max(1, ...values);
  const path = document.createElementNS(space, 'path');
  const points = values.map((value, index) => `${historyMax - values.length + index},${(38 - (value / most) * 36).toFixed(1)}`);
  path.setAttribute('d', points.length > 0 ? `M${points.join('L')}` : '');
  svg.append(path);
  return svg;
}

function tile(label: string, value: string, detail: Child = ''): HTMLElement {
  return el('div', { class: 'tile' }, el('span', { class: 'soft' }, label), el('b', {}, value), el('span', { class: 'soft' }, detail));
}

function rate(now: Status, figure: (listener: ListenerStatus) => number, name?: string): number {
  if (before === undefined || now.now <= before.now) return 0;
  const sum = (status: Status): number =>
    status.listeners
      .filter((one) => (name === undefined ? one.name !== 'http' : one.name === name))
      .reduce((total, one) => total + figure(one), 0);
  return Math.max(0, ((sum(now) - sum(before)) * 1000) / (now.now - before.now));
}

function listenerRow(status: Status, one: ListenerStatus): HTMLElement {
  const causes = Object.entries(one.rejected).sort((left, right) => right[1] - left[1]);
  const rejected = el('td', { class: 'text' });
  for (const [cause, count] of causes) rejected.append(el('span', { class: 'cause warn' }, `${cause} ${whole.format(count)}`));
  if (causes.length === 0) rejected.append(el('span', { class: 'soft' }, 'none'));
  const losses: string[] = [];
  if (one.kernelDrops > 0) losses.push(`kernel ${whole.format(one.kernelDrops)}`);
  if (one.connectionsRefused > 0) losses.push(`refused ${whole.format(one.connectionsRefused)}`);
  const lost = el('td', { class: losses.length > 0 ? 'text bad' : 'text soft' }, losses.length > 0 ? losses.join(', ') : 'none');
  const cells = [
    el('td', {}, el('strong', {}, one.name), el('br'), el('code', { class: 'soft' }, one.address)),
    el('td', {}, short.format(rate(status, (each) => each.lines, one.name))),
    el('td', {}, whole.format(one.lines)),
    el('td', {}, whole.format(one.accepted)),
    el('td', {}, bytes(one.bytes)),
    el('td', {}, whole.format(one.connectionsNow)),
    rejected,
    lost,
  ];
  return el('tr', {}, ...cells);
}

function table(heads: readonly string[], rows: readonly HTMLElement[], texts: readonly number[] = []): HTMLElement {
  const head = el('tr', {}, ...heads.map((text, index) => el('th', texts.includes(index) ? { class: 'text' } : {}, text)));
  return el('div', { class: 'card' }, el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows)));
}

function show(status: Status): void {
  const perSecond = rate(status, (one) => one.accepted);
  if (before !== undefined) rates.push(perSecond);
  if (rates.length > historyMax) rates.shift();
  const failing = status.failing !== undefined;
  const pointsTile = tile('points a second', short.format(perSecond));
  pointsTile.append(spark(rates));
  const notices = status.notices.map((one) =>
    el(
      'tr',
      {},
      el('td', { class: 'soft' }, new Date(one.at).toISOString().slice(0, 19).replace('T', ' ')),
      el('td', { class: 'text' }, one.listener),
      el('td', { class: 'text' }, el('code', {}, one.text)),
    ),
  );
  const heads = ['listener', 'lines/s', 'lines', 'accepted', 'received', 'open', 'rejected by cause', 'lost'];
  root.replaceChildren(
    el(
      'main',
      {},
      el(
        'header',
        {},
        el('h1', {}, 'Weir'),
        el('span', { class: 'soft' }, `${status.version}, up ${duration(status.uptimeSeconds)}`),
        el('span', { class: failing ? 'state bad' : 'state' }, failing ? 'the store is behind' : 'ready'),
      ),
      el(
        'div',
        { class: 'tiles' },
        pointsTile,
        tile('series', whole.format(status.series), `of at most ${short.format(status.seriesMax)}`),
        tile('store', bytes(status.storeBytes), `${whole.format(status.cellsFlushed)} cells written`),
        tile('flows', whole.format(status.flows), `records kept, ${bytes(status.flowBytes)}`),
        tile('memory', bytes(status.memoryBytes), 'resident'),
        tile(
          'last flush',
          `${status.lastFlushMs} ms`,
          status.flushFailures > 0 ? `${whole.format(status.flushFailures)} failed` : `${whole.format(status.flushes)} flushes`,
        ),
        tile('repeated points', whole.format(status.repeated), 'same series and time'),
      ),
      el('h2', {}, 'Listeners'),
      table(
        heads,
        status.listeners.map((one) => listenerRow(status, one)),
        [6, 7],
      ),
      el('h2', {}, 'Newest errors'),
      notices.length > 0 ? table(['time (UTC)', 'where', 'what'], notices, [1, 2]) : el('p', { class: 'soft' }, 'None since the start.'),
    ),
  );
  before = status;
}

async function refresh(): Promise<void> {
  try {
    const response = await fetch('api/status', { headers: token === '' ? {} : { Authorization: `Bearer ${token}` } });
    if (response.status === 401) {
      token = prompt('A bearer token for reading is needed') ?? '';
      return;
    }
    show((await response.json()) as Status);
  } catch {
    root.querySelector('.state')?.replaceChildren('no answer');
    root.querySelector('.state')?.classList.add('bad');
  }
}

let token = '';
await refresh();
setInterval(refresh, periodMs);
