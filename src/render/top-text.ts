/**
 * Top lists as a table for people, as CSV and as JSON lines. The JSON shape is the contract: `period, by, requests, exact, error, other,
 * top: [{key, count}]`, then what was added later.
 */

import type { TopRow } from '../query/rank.js';

/** JSON lines, one a period and list. */
export function topJson(rows: readonly TopRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** CSV with a header: a line a key; the last line of each list, whose key is empty, holds what is not shown. */
export function topCsv(rows: readonly TopRow[]): string {
  const compared = rows.some((row) => row.compared !== undefined);
  const lines = [`period,by,rank,key,count,error${compared ? ',before' : ''}`];
  for (const row of rows) {
    row.top.forEach((item, index) => {
      lines.push(
        [row.period, row.by, index + 1, quoteCsv(item.key), item.count, item.error ?? 0, ...(compared ? [item.before ?? ''] : [])].join(
          ',',
        ),
      );
    });
    lines.push([row.period, row.by, '', '', row.other, row.error, ...(compared ? [''] : [])].join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** A table for people. */
export function topTable(rows: readonly TopRow[], width = 100): string {
  const blocks: string[] = [];
  let period: string | undefined;
  for (const row of rows) {
    if (row.period !== period) {
      period = row.period;
      blocks.push(heading(row));
    }
    blocks.push(listTable(row, width));
  }
  return blocks.length === 0 ? 'no requests\n' : `${blocks.join('\n')}`;
}

function heading(row: TopRow): string {
  const statuses = Object.entries(row.statuses).map(([name, count]) => `${name} ${grouped(count)}`);
  const parts = [`${grouped(row.requests)} requests`, sizeText(row.bytes), ...statuses];
  if (row.visitors !== undefined) parts.push(`${row.visitorsErrorPercent === undefined ? '' : 'about '}${grouped(row.visitors)} visitors`);
  if (row.servedMs !== undefined) {
    const { p50, p95, p99 } = row.servedMs;
    parts.push(`served in ${msText(p50)} (half), ${msText(p95)} (95 %), ${msText(p99)} (99 %)`);
  }
  if (row.compared !== undefined) {
    parts.push(`${changeText(row.requests, row.compared.requests)} on ${row.compared.period}`);
  }
  return `${row.period === 'all' ? 'All' : row.period}: ${parts.join(', ')}\n`;
}

function listTable(row: TopRow, width: number): string {
  const note = row.exact ? `${grouped(row.keys)} in all` : `approximate: counts are at most ${grouped(row.error)} too high`;
  const counts = row.top.map((item) => grouped(item.count));
  const countWidth = Math.max(...counts.map((text) => text.length), grouped(row.other).length, 5);
  const lines = [`  ${row.by} (${note})`];
  row.top.forEach((item, index) => {
    const share = row.requests === 0 ? '' : `${((100 * item.count) / row.requests).toFixed(1)} %`.padStart(7);
    const change = row.compared === undefined ? '' : changeText(item.count, item.before ?? 0).padStart(9);
    const key = cut(visible(item.key), Math.max(20, width - countWidth - 14 - change.length));
    lines.push(`  ${(counts[index] ?? '').padStart(countWidth)} ${share}${change}  ${key}`);
  });
  if (row.other > 0) {
    const share = `${((100 * row.other) / row.requests).toFixed(1)} %`.padStart(7);
    const none = row.without > 0 ? ` (${grouped(row.without)} have no ${row.by})` : '';
    lines.push(`  ${grouped(row.other).padStart(countWidth)} ${share}${row.compared === undefined ? '' : ' '.repeat(9)}  other${none}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A number with blanks between its thousands. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** Bytes in the unit that fits. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function msText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} us`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

/** How a count changed, in percent. */
export function changeText(now: number, before: number): string {
  if (before === 0) return now === 0 ? '0 %' : 'new';
  const percent = (100 * (now - before)) / before;
  return `${percent > 0 ? '+' : ''}${percent.toFixed(percent > -10 && percent < 10 ? 1 : 0)} %`;
}

/** Control characters made visible, so that a log cannot steer a terminal. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll('\t', '  ').replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function quoteCsv(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
