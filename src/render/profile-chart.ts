/**
 * A profile as a picture: the share of flows, packets and bytes in each bin, side by side. Bars start at 0; with a logarithmic axis they start
 * at a tenth of the least share, and shares of 0 have no bar. Up to six profiles (files, intervals, groups) stand above each other.
 */

import { type Bins, binEnd, profileUnits } from '../fold/histogram.js';
import { binLabel, headingOf, type ProfileAnswer, sharesOf } from './profile-rows.js';
import { element, label, linearTicks, logTicks, picture, textWidth } from './svg.js';

export interface ChartOptions {
  readonly logarithmic: boolean;
  readonly title: string;
}

const width = 960;
const panelHeight = 360;
const head = 64;
const margin = { left: 64, right: 24, top: 36, bottom: 76 };
const panelsMax = 6;

/** Okabe and Ito's colours, told apart by people with every kind of sight. */
const columns = [
  { name: 'flows', colour: '#0072b2' },
  { name: 'packets', colour: '#e69f00' },
  { name: 'bytes', colour: '#009e73' },
] as const;

/** The picture as SVG. */
export function profileChart({ shape, cells }: ProfileAnswer, options: ChartOptions): string {
  const shown = cells.slice(0, panelsMax);
  const left = cells.length - shown.length;
  const height = head + shown.length * panelHeight + (left > 0 ? 24 : 0);
  const parts = [label(margin.left, 30, options.title, { size: 17, weight: 'bold', fill: '#111111' }), ...legend()];
  shown.forEach((cell, index) => {
    parts.push(...panel({ shape, cells: [cell], rejected: new Map() }, head + index * panelHeight, options.logarithmic));
  });
  if (left > 0) parts.push(label(margin.left, height - 10, `and ${left} more, which are not shown`, { fill: '#666666' }));
  return picture(width, height, options.title, parts);
}

function legend(): string[] {
  return columns.flatMap(({ name, colour }, index) => {
    const x = margin.left + index * 90;
    return [element('rect', { x, y: 42, width: 12, height: 12, fill: colour }), label(x + 17, 52, name)];
  });
}

function panel({ shape, cells }: ProfileAnswer, top: number, logarithmic: boolean): string[] {
  const [cell] = cells;
  if (cell === undefined) return [];
  const { bins } = shape;
  const { flows, packets, bytes } = cell.histogram;
  const shares = [flows, packets, bytes].map((column) => sharesOf(column.subarray(0, -1), 3));
  let first = 0;
  let last = bins.from.length - 1;
  const isEmpty = (index: number): boolean => shares.every((share) => (share[index] ?? 0) === 0);
  while (last > 0 && isEmpty(last)) last -= 1;
  while (first < last && isEmpty(first)) first += 1;

  const values = shares.flatMap((share) => share.slice(first, last + 1)).filter((value) => value > 0);
  const most = Math.max(...values, 0.001);
  const ticks = logarithmic ? logTicks(Math.min(...values, most) / 2, most) : linearTicks(0, most, 5);
  const low = ticks[0] ?? 0;
  const high = ticks.at(-1) ?? 1;
  const plot = { left: margin.left, right: width - margin.right, top: top + margin.top, bottom: top + panelHeight - margin.bottom };
  const scale = (value: number): number => {
    const share = logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return plot.bottom - share * (plot.bottom - plot.top);
  };
  const parts = headingOf(shape, cell).map((text) => label(plot.left, plot.top - 14, text, { size: 12, weight: 'bold' }));
  for (const tick of ticks) {
    const y = scale(tick);
    parts.push(element('line', { x1: plot.left, x2: plot.right, y1: y, y2: y, stroke: tick === low ? '#555555' : '#dddddd' }));
    parts.push(label(plot.left - 8, y + 4, `${Number(tick.toPrecision(4))} %`, { anchor: 'end' }));
  }
  const room = (plot.right - plot.left) / (last - first + 1);
  const barWidth = Math.min(26, (room * 0.8) / columns.length);
  const names = Array.from({ length: last - first + 1 }, (_, place) => shortLabel(bins, first + place));
  const isTight = names.some((name) => textWidth(name, 11) > room - 6);
  for (let index = first; index <= last; index++) {
    const middle = plot.left + (index - first + 0.5) * room;
    columns.forEach(({ colour }, column) => {
      const value = shares[column]?.[index] ?? 0;
      if (value <= 0) return;
      const y = scale(value);
      const x = middle + (column - columns.length / 2) * barWidth;
      parts.push(element('rect', { x, y, width: barWidth * 0.92, height: plot.bottom - y, fill: colour }));
    });
    const name = names[index - first] ?? '';
    if (!isTight) parts.push(label(middle, plot.bottom + 18, name, { anchor: 'middle' }));
    else parts.push(label(middle + 4, plot.bottom + 14, name, { anchor: 'end', rotate: -40, size: 10 }));
  }
  parts.push(
    label(
      (plot.left + plot.right) / 2,
      isTight ? top + panelHeight - 8 : plot.bottom + 40,
      profileUnits[bins.by] + (bins.by === 'bpp' ? '' : bins.by === 'duration' ? ' that a flow lasted' : ' a flow'),
      { anchor: 'middle', fill: '#666666' },
    ),
  );
  return parts;
}

// Bins ascend without gaps, so that of a wide one the end alone says what it holds: `≤ 50 k` comes after `≤ 20 k`.
function shortLabel(bins: Bins, index: number): string {
  const [from, to] = [bins.from[index] ?? 0, binEnd(bins, index)];
  if (to === null) return index === 0 || from % 10 !== 1 ? binLabel(bins, index) : `> ${shortNumber(from - 1)}`;
  return to >= 1000 && to % 100 === 0 && to > from && (index > 0 || from <= 1) ? `≤ ${shortNumber(to)}` : binLabel(bins, index);
}

// `50 k`, and in full where that would round.
function shortNumber(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let place = 0;
  let shown = value;
  while (shown >= 1000 && shown % 100 === 0 && place < units.length - 1) {
    shown /= 1000;
    place += 1;
  }
  return `${shown}${units[place]}`;
}
