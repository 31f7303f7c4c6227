/**
 * Graphite's parameters of a picture, from a query string: sizes, title, limits of the axis, areas, lines, colours. What is no number or colour is an
 * error that says so; what Weir does not draw (fonts by name, pies) is let be. Source: "The Render URL API: Graph Parameters".
 */

import { Malformed } from '../base/faults.js';
import { chartColors, type SeriesChartOptions } from './chart-options.js';

type Drawing = Omit<SeriesChartOptions, 'from' | 'until' | 'timeZone'>;

const colorNames: Readonly<Record<string, string>> = {
  black: '#000000',
  white: '#ffffff',
  blue: '#6464ff',
  green: '#00c800',
  red: '#c80032',
  yellow: '#ffff00',
  orange: '#ffa500',
  purple: '#c864ff',
  brown: '#966432',
  cyan: '#00ffff',
  aqua: '#00ffff',
  gray: '#afafaf',
  grey: '#afafaf',
  magenta: '#ff00ff',
  pink: '#ff6464',
  gold: '#c8c800',
  rose: '#c89696',
  darkblue: '#002b80',
  darkgreen: '#009600',
  darkred: '#c80032',
  darkgray: '#6f6f6f',
  darkgrey: '#6f6f6f',
  transparent: 'none',
};

/** What the parameters ask for; sizes are `width` and `height` where they are silent. */
export function chartParameters(parameters: URLSearchParams, width = 330, height = 250): Drawing {
  const number = (name: string, low: number, high: number): number | undefined => {
    const text = parameters.get(name);
    if (text === null || text === '') return undefined;
    const value = Number(text);
    if (!(value >= low && value <= high)) throw new Malformed(`${name} '${text.slice(0, 20)}' (expected ${low} to ${high})`);
    return value;
  };
  const color = (name: string): string | undefined => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : cssColor(text);
  };
  const flag = (name: string): boolean => /^(1|true)$/i.test(parameters.get(name) ?? '');
  const choice = <T extends string>(name: string, words: readonly T[]): T | undefined => {
    const text = parameters.get(name);
    if (text === null || text === '') return undefined;
    const found = words.find((word) => word === text);
    if (found === undefined) throw new Malformed(`${name} '${text.slice(0, 20)}' (expected ${words.join(', ')})`);
    return found;
  };
  const colorList = parameters.get('colorList');
  const limit = 1e300;
  const graphOnly = flag('graphOnly');
  return defined({
    width: Math.round(number('width', 50, 10_000) ?? width),
    height: Math.round(number('height', 50, 10_000) ?? height),
    title: parameters.get('title')?.slice(0, 500),
    vtitle: parameters.get('vtitle')?.slice(0, 500),
    yMin: number('yMin', -limit, limit) ?? number('min', -limit, limit),
    yMax: number('yMax', -limit, limit) ?? number('max', -limit, limit),
    areaMode: choice('areaMode', ['none', 'first', 'all', 'stacked']),
    areaAlpha: number('areaAlpha', 0, 1),
    lineMode: choice('lineMode', ['slope', 'staircase', 'connected']),
    lineWidth: number('lineWidth', 0, 50),
    logBase: parameters.get('logBase') === 'e' ? Math.E : number('logBase', 1.001, 1000),
    colors: colorList === null || colorList === '' ? chartColors : colorList.split(',').slice(0, 100).map(cssColor),
    background: color('bgcolor') ?? '#ffffff',
    foreground: color('fgcolor') ?? '#333333',
    fontSize: number('fontSize', 4, 72) ?? 10,
    hideLegend: graphOnly || (parameters.has('hideLegend') ? flag('hideLegend') : undefined),
    hideAxes: graphOnly || flag('hideAxes'),
    hideGrid: graphOnly || flag('hideGrid'),
    drawNullAsZero: flag('drawNullAsZero'),
    unitSystem: choice('yUnitSystem', ['si', 'binary', 'none']),
    maxDataPoints: number('maxDataPoints', 1, 1e9),
  }) as Drawing;
}

/** A colour by Graphite's name or as hexadecimal digits, with or without `#`. Throws Malformed otherwise. */
export function cssColor(text: string): string {
  const word = text.trim().toLowerCase();
  const named = Object.hasOwn(colorNames, word) ? colorNames[word] : undefined;
  if (named !== undefined) return named;
  if (!/^#?([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/.test(word))
    throw new Malformed(`'${text.slice(0, 20)}' is no colour (expected a name or rrggbb)`);
  return `#${word.replace('#', '')}`;
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
