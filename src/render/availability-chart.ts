/**
 * Availability as a picture: a row a day of the zone, a cell an hour, darker the more of it is unknown; below each row the outages as bars at their own times, at
 * its right what share of the day is unknown. Time runs from the day's midnight, so a day of 23 hours ends early and one of 25 late.
 */

import { element, label, picture, textWidth } from './svg.js';

export interface AvailabilityHour {
  /** Epoch seconds, `[start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly knownSeconds: number;
  readonly unknownSeconds: number;
  readonly plannedSeconds: number;
}

export interface AvailabilityDay {
  /** `Wed 15 Nov 2023`. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly hours: readonly AvailabilityHour[];
}

export interface Availability {
  readonly name: string;
  /** What the share of the whole is, in a sentence. */
  readonly summary: string;
  readonly days: readonly AvailabilityDay[];
  readonly outages: readonly { readonly start: number; readonly end: number }[];
}

const width = 960;
const plot = { left: 130, right: width - 190 };
const ink = { known: '#d7ebe0', none: '#f3f3f3', planned: '#b9bfd6', outage: '#6a0011', text: '#333333', faint: '#777777' };
const unknownLow = [253, 219, 150] as const;
const unknownHigh = [165, 15, 35] as const;

/** The picture as SVG, a panel a series. */
export function availabilityChart(series: readonly Availability[], timeZone: string): string {
  const dayCount = Math.max(1, ...series.map(({ days }) => days.length));
  const rowHeight = Math.max(7, Math.min(22, Math.floor(700 / dayCount)));
  const parts: string[] = [];
  const longest = Math.max(86_400, ...series.flatMap(({ days }) => days.map(({ start, end }) => end - start)));
  let top = 20;
  for (const one of series) {
    parts.push(label(20, top + 12, clipped(one.name, 80), { size: 16, weight: 'bold', fill: '#111111' }));
    parts.push(label(20, top + 32, clipped(one.summary, 140), { fill: ink.faint }));
    parts.push(...panel(one, top + 60, rowHeight, longest));
    top += 60 + one.days.length * rowHeight + 34;
  }
  if (series.length === 0) parts.push(label(width / 2, 60, 'no series', { anchor: 'middle', fill: ink.faint }));
  parts.push(...legend(top + 6, timeZone));
  return picture(width, top + 34, `Availability: ${series.map(({ name }) => name).join(', ')}`.slice(0, 300), parts);
}

function panel({ days, outages }: Availability, top: number, rowHeight: number, longest: number): string[] {
  const scale = (plot.right - plot.left) / longest;
  const parts: string[] = [];
  for (let hour = 0; hour * 3600 <= longest; hour += 3) {
    const x = plot.left + hour * 3600 * scale;
    parts.push(
      element('line', { x1: x, x2: x, y1: top - 4, y2: top, stroke: ink.faint }),
      label(x, top - 8, String(hour), { anchor: 'middle', fill: ink.faint }),
    );
  }
  const barHeight = Math.max(1.5, Math.min(4, rowHeight / 5));
  const every = Math.ceil(12 / rowHeight);
  for (const [index, day] of days.entries()) {
    const y = top + index * rowHeight;
    if (index % every === 0) parts.push(label(plot.left - 8, y + rowHeight / 2 + 3.5, day.name, { anchor: 'end', size: 10 }));
    for (const hour of day.hours) {
      const x = plot.left + (hour.start - day.start) * scale;
      parts.push(
        element('rect', {
          x,
          y,
          width: Math.max(0.5, (hour.end - hour.start) * scale - 1),
          height: rowHeight - barHeight - 2,
          fill: colourOf(hour),
        }),
      );
    }
    for (const outage of outages) {
      const [start, end] = [Math.max(outage.start, day.start), Math.min(outage.end, day.end)];
      if (end <= start) continue;
      const x = plot.left + (start - day.start) * scale;
      parts.push(
        element('rect', {
          x,
          y: y + rowHeight - barHeight - 1.5,
          width: Math.max(1, (end - start) * scale),
          height: barHeight,
          fill: ink.outage,
        }),
      );
    }
    parts.push(...share(day, y, rowHeight, index % every === 0));
  }
  return parts;
}

// The day's share of unknown time, as a bar and in figures.
function share({ hours }: AvailabilityDay, y: number, rowHeight: number, hasText: boolean): string[] {
  const known = hours.reduce((sum, hour) => sum + hour.knownSeconds, 0);
  const unknown = hours.reduce((sum, hour) => sum + hour.unknownSeconds, 0);
  if (known + unknown === 0) return [];
  const part = unknown / (known + unknown);
  const left = plot.right + 14;
  const bars = [element('rect', { x: left, y: y + 1, width: 100, height: Math.max(2, rowHeight - 5), fill: ink.known })];
  if (part > 0)
    bars.push(
      element('rect', { x: left, y: y + 1, width: Math.max(1, 100 * part), height: Math.max(2, rowHeight - 5), fill: colour(part) }),
    );
  if (hasText) bars.push(label(left + 108, y + rowHeight / 2 + 3.5, `${percent(part)} %`, { size: 10 }));
  return bars;
}

function percent(part: number): string {
  const value = part * 100;
  return value === 0 || value === 100
    ? String(value)
    : value < 0.01
      ? '<0.01'
      : value > 99.99
        ? '>99.99'
        : String(Number(value.toFixed(2)));
}

function colourOf({ knownSeconds, unknownSeconds, plannedSeconds }: AvailabilityHour): string {
  const spoken = knownSeconds + unknownSeconds;
  if (spoken === 0) return plannedSeconds > 0 ? ink.planned : ink.none;
  return unknownSeconds === 0 ? ink.known : colour(unknownSeconds / spoken);
}

function colour(part: number): string {
  const channels = unknownLow.map((low, at) => Math.round(low + ((unknownHigh[at] as number) - low) * Math.min(1, part)));
  return `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

function legend(top: number, timeZone: string): string[] {
  const parts: string[] = [];
  let x = plot.left;
  const swatches: readonly (readonly [string, string])[] = [
    [ink.known, 'known'],
    [colour(0.01), ''],
    [colour(0.5), ''],
    [colour(1), 'unknown, up to all of the hour'],
    [ink.outage, 'outage'],
    [ink.planned, 'planned'],
    [ink.none, 'no readings'],
  ];
  for (const [fill, text] of swatches) {
    parts.push(element('rect', { x, y: top, width: 12, height: 12, fill }));
    if (text !== '') parts.push(label(x + 17, top + 10, text, { fill: ink.text }));
    x += text === '' ? 13 : 17 + textWidth(text, 11) + 16;
  }
  parts.push(label(width - 20, top + 10, `hours since midnight, ${timeZone}`, { anchor: 'end', fill: ink.faint }));
  return parts;
}

function clipped(text: string, letters: number): string {
  return text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
}
