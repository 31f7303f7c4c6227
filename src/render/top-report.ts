/**
 * Top lists as one HTML file that needs nothing else: a chart of requests by period, and for each period its figures and its lists with
 * bars. Every text from a log is escaped. Colours follow the reader's light or dark scheme.
 */

import type { TopKey, TopRow } from '../query/rank.js';
import { changeText, grouped, msText, sizeText, visible } from './top-text.js';

export interface ReportOptions {
  readonly title: string;
  /** Lines that were refused, by cause. */
  readonly rejected: ReadonlyMap<string, number>;
  readonly lines: number;
  readonly zone: string;
  /** Milliseconds of the epoch. */
  readonly nowMs: number;
}

/** The report as an HTML document. */
export function topReport(rows: readonly TopRow[], options: ReportOptions): string {
  const periods = new Map<string, TopRow[]>();
  for (const row of rows) periods.set(row.period, [...(periods.get(row.period) ?? []), row]);
  const firsts = [...periods.values()].flatMap((list) => list.slice(0, 1));
  const total = firsts.reduce((sum, row) => sum + row.requests, 0);
  const bytes = firsts.reduce((sum, row) => sum + row.bytes, 0);
  const refused = [...options.rejected.values()].reduce((sum, count) => sum + count, 0);
  const sections = [...periods].reverse().map(([period, list], index) => periodSection(period, list, periods.size === 1 || index === 0));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(options.title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escapeHtml(options.title)}</h1>
<p>${new Date(options.nowMs).toISOString().slice(0, 16).replace('T', ' ')} UTC, periods in ${escapeHtml(options.zone)}</p>
</header>
<main>
<div class="tiles">
${tile('requests', grouped(total))}
${tile('sent', sizeText(bytes))}
${tile(periods.size === 1 ? 'period' : 'periods', grouped(periods.size))}
${tile('lines rejected', `${grouped(refused)} of ${grouped(options.lines)}`, [...options.rejected].map(([cause, count]) => `${cause} ${grouped(count)}`).join(', '))}
</div>
${firsts.length > 1 ? chart(firsts) : ''}
${sections.join('\n')}
</main>
<footer>Counts shown and <i>other</i> always sum to the requests. Made by Weir.</footer>
</body>
</html>
`;
}

function tile(name: string, value: string, note = ''): string {
  return `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span>${note === '' ? '' : `<small>${escapeHtml(note)}</small>`}</div>`;
}

// Requests by period, as bars of status classes one above the other.
function chart(rows: readonly TopRow[]): string {
  const most = Math.max(...rows.map((row) => row.requests), 1);
  const width = 1000;
  const height = 190;
  const step = width / rows.length;
  const bars = rows.map((row, index) => {
    let top = height;
    const parts = Object.entries(row.statuses).map(([name, count]) => {
      const size = (count / most) * height;
      top -= size;
      return `<rect class="s${name.charAt(0)}" x="${(index * step + step * 0.1).toFixed(2)}" y="${top.toFixed(2)}" width="${(step * 0.8).toFixed(2)}" height="${size.toFixed(2)}"/>`;
    });
    return `<g><title>${escapeHtml(row.period)}: ${grouped(row.requests)} requests</title>${parts.join('')}</g>`;
  });
  const every = Math.max(1, Math.ceil(rows.length / 8));
  const labels = rows
    .map((row, index) =>
      index % every === 0 ? `<text x="${(index * step + step / 2).toFixed(1)}" y="${height + 18}">${escapeHtml(row.period)}</text>` : '',
    )
    .join('');
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.statuses)))].sort();
  const legend = names.map((name) => `<span><i class="s${name.charAt(0)}"></i>${escapeHtml(name)}</span>`).join('');
  return `<section><h2>Requests by period <small>most: ${grouped(most)}</small></h2>
<svg viewBox="-50 0 ${width + 100} ${height + 24}" role="img" aria-label="requests by period">${bars.join('')}${labels}</svg>
<p class="legend">${legend}</p></section>`;
}

function periodSection(period: string, rows: readonly TopRow[], open: boolean): string {
  const [first] = rows;
  if (first === undefined) return '';
  const facts = [`${grouped(first.requests)} requests`, sizeText(first.bytes)];
  for (const [name, count] of Object.entries(first.statuses)) facts.push(`${name} ${grouped(count)}`);
  if (first.visitors !== undefined)
    facts.push(`${first.visitorsErrorPercent === undefined ? '' : 'about '}${grouped(first.visitors)} visitors`);
  if (first.servedMs !== undefined) facts.push(`half served in ${msText(first.servedMs.p50)}, 99 % in ${msText(first.servedMs.p99)}`);
  if (first.compared !== undefined) facts.push(`${changeText(first.requests, first.compared.requests)} on ${first.compared.period}`);
  return `<details${open ? ' open' : ''}><summary><h2>${escapeHtml(period === 'all' ? 'All requests' : period)}</h2><span>${escapeHtml(facts.join(' · '))}</span></summary>
<div class="lists">${[...rows.map(listCard), servedCard(first)].join('\n')}</div></details>`;
}

function listCard(row: TopRow): string {
  const most = Math.max(...row.top.map((item) => item.count), 1);
  const note = row.exact ? `${grouped(row.keys)} in all` : `counts at most ${grouped(row.error)} too high`;
  const lines = row.top.map((item) => keyLine(item, row, most));
  if (row.other > 0) {
    const none = row.without > 0 ? ` (${grouped(row.without)} have no ${row.by})` : '';
    lines.push(
      `<tr class="other"><td class="n">${grouped(row.other)}</td><td class="n">${share(row.other, row.requests)}</td><td>other${escapeHtml(none)}</td></tr>`,
    );
  }
  return `<section class="card"><h3>${escapeHtml(row.by)} <small>${escapeHtml(note)}</small></h3><table>${lines.join('')}</table></section>`;
}

// Time served, a line an octave.
function servedCard({ servedMs }: TopRow): string {
  if (servedMs === undefined) return '';
  const total = servedMs.bins.reduce((sum, bin) => sum + bin.count, 0);
  const most = Math.max(...servedMs.bins.map((bin) => bin.count), 1);
  const lines = servedMs.bins.map(({ from, to, count }) => {
    const text = `${from === 0 ? 'below ' : `${msText(from)} to `}${msText(to)}`;
    return `<tr><td class="n">${grouped(count)}</td><td class="n">${share(count, total)}</td><td class="k"><i style="width:${((100 * count) / most).toFixed(1)}%"></i><span>${escapeHtml(text)}</span></td></tr>`;
  });
  return `<section class="card"><h3>time served <small>${grouped(total)} requests say it</small></h3><table>${lines.join('')}</table></section>`;
}

function keyLine(item: TopKey, row: TopRow, most: number): string {
  const change = row.compared === undefined ? '' : ` <em>${escapeHtml(changeText(item.count, item.before ?? 0))}</em>`;
  const key = escapeHtml(visible(item.key));
  return `<tr><td class="n">${grouped(item.count)}</td><td class="n">${share(item.count, row.requests)}</td><td class="k" title="${key}"><i style="width:${((100 * item.count) / most).toFixed(1)}%"></i><span>${key}${change}</span></td></tr>`;
}

function share(count: number, total: number): string {
  return total === 0 ? '' : `${((100 * count) / total).toFixed(1)} %`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

const style = `
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#1d2733;--soft:#66758a;--line:#e2e6ec;--bar:#cfe3f7;--two:#3b82c4;--three:#7fb2a3;--four:#e0a33e;--five:#cf4a4a;--one:#9aa6b5}
@media(prefers-color-scheme:dark){:root{--back:#12171d;--card:#1a212a;--ink:#e4e9f0;--soft:#8e9db0;--line:#2a3441;--bar:#21405e;--two:#5a9bd8;--three:#6fae9b;--four:#d9a048;--five:#dd6464;--one:#76849a}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 24px}header{padding-top:32px}h1{font-size:26px;margin:0}header p,footer,small{color:var(--soft);font-weight:400}
h2{font-size:18px;margin:0;display:inline}h2 small,h3 small{font-size:13px;margin-left:8px}h3{font-size:15px;margin:0 0 10px;text-transform:capitalize}h3 small{text-transform:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin:22px 0}.tile,.card,main>section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px}
.tile b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft)}.tile small{display:block}
svg{width:100%;height:auto;margin-top:14px}svg text{font-size:12px;fill:var(--soft);text-anchor:middle}.s1{fill:var(--one);background:var(--one)}.s2{fill:var(--two);background:var(--two)}.s3{fill:var(--three);background:var(--three)}.s4{fill:var(--four);background:var(--four)}.s5{fill:var(--five);background:var(--five)}.su{fill:var(--one);background:var(--one)}
.legend{margin:4px 0 0}.legend span{margin-right:16px;color:var(--soft)}.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
details{margin:20px 0}summary{cursor:pointer;padding:6px 0}summary span{color:var(--soft);margin-left:12px}.lists{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(460px,100%),1fr));gap:14px;margin-top:10px}
table{width:100%;border-collapse:collapse;table-layout:fixed}td{padding:3px 6px;vertical-align:middle}td.n{width:84px;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.n+td.n{width:66px;color:var(--soft)}
td.k{position:relative}td.k i{position:absolute;left:0;top:3px;bottom:3px;background:var(--bar);border-radius:4px}td.k span{position:relative;display:block;padding:0 6px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}td em{color:var(--soft);font-style:normal;margin-left:8px}.other td{color:var(--soft)}
footer{padding:20px 24px 40px}`;
