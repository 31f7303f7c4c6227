/**
 * Functions for pictures and legends: colours, widths, stacks, areas; legends with figures; and lines that come from no series: constants, thresholds,
 * sines, the time. They change no stored value but for `stacked`, which adds up. Source: graphite-web's functions.py (behaviour).
 */

import type { Call, Parameter, TargetFunction } from './function.js';
import { formatFloat, formatG } from './python-number.js';
import { type Drawing, derive, mergeValues, methodOf, type Series } from './series.js';
import { parseWhen } from './when.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const step = { name: 'step', type: 'integer', default: 60 } as const;
const generatedMax = 1_000_000;
const legendWords = [...['avg', 'total', 'min', 'max', 'last', 'count', 'median', 'stddev', 'range', 'diff'], 'si', 'binary'];

export const graphFunctions: readonly TargetFunction[] = [
  ...(
    [
      [
        'alpha',
        { name: 'alpha', type: 'float', required: true },
        'The opacity of lines, 0 to 1.',
        (call) => ({ alpha: call.number('alpha') }),
      ],
      ['color', { name: 'theColor', type: 'string', required: true }, 'The colour of lines.', (call) => ({ color: call.text('theColor') })],
      [
        'lineWidth',
        { name: 'width', type: 'float', required: true },
        'The width of lines.',
        (call) => ({ lineWidth: call.number('width') }),
      ],
    ] as const satisfies readonly (readonly [string, Parameter, string, (call: Call) => Drawing])[]
  ).map(
    ([name, parameter, description, drawing]): TargetFunction => ({
      names: [name],
      group: 'Graph',
      description,
      parameters: [seriesList, parameter],
      run: (call) => call.series().map((series) => ({ ...series, drawing: { ...series.drawing, ...drawing(call) } })),
    }),
  ),
  {
    names: ['dashed'],
    group: 'Graph',
    description: 'Draws dashed lines.',
    parameters: [seriesList, { name: 'dashLength', type: 'float', default: 5 }],
    run: (call) => {
      const length = formatG(call.number('dashLength', 5));
      return drawn(call, (series) => `dashed(${series.name}, ${length})`, { dashed: Number(length) }, { dashed: length });
    },
  },
  ...(['drawAsInfinite', 'secondYAxis'] as const).map(
    (name): TargetFunction => ({
      names: [name],
      group: 'Graph',
      description: name === 'secondYAxis' ? 'Draws against an axis on the right.' : 'Draws an upright line where the value is not 0.',
      parameters: [seriesList],
      run: (call) => drawn(call, (series) => `${name}(${series.name})`, { [name]: true }, { [name]: '1' }),
    }),
  ),
  {
    names: ['stacked'],
    group: 'Graph',
    description: 'Puts series on top of each other.',
    parameters: [
      { name: 'seriesLists', type: 'seriesList', required: true },
      { name: 'stackName', type: 'string', default: '__DEFAULT__' },
    ],
    run: stacked,
  },
  {
    names: ['areaBetween'],
    group: 'Graph',
    description: 'The area between two series.',
    parameters: [{ name: 'seriesLists', type: 'seriesList', required: true, multiple: true }],
    run: (call) => {
      const two = call.series('seriesLists');
      if (two.length !== 2) throw call.fault(`${two.length} series (expected exactly two)`);
      const name = `areaBetween(${two[1]?.pathExpression})`;
      const tags = { ...two[1]?.tags, areaBetween: '1' };
      return two.map((one, index) => ({
        ...derive(one, name, one.values, tags),
        drawing: { ...one.drawing, stacked: 'areaBetween', ...(index === 0 ? { invisible: true } : {}) },
      }));
    },
  },
  {
    names: ['cactiStyle'],
    group: 'Special',
    description: 'Legends with the current, greatest and least value in columns.',
    parameters: [seriesList, { name: 'system', type: 'string', options: ['binary', 'si'] }, { name: 'units', type: 'string' }],
    run: cactiStyle,
  },
  {
    names: ['legendValue'],
    group: 'Alias',
    description: 'Adds figures to legends: avg, total, min, max, last and others; then si or binary to shorten them.',
    parameters: [seriesList, { name: 'valueTypes', type: 'string', multiple: true, suggestions: legendWords }],
    run: legendValue,
  },
  {
    names: ['constantLine'],
    group: 'Special',
    description: 'A level line.',
    parameters: [{ name: 'value', type: 'float', required: true }],
    run: (call) => [level(call, call.number('value'), formatFloat(call.number('value')))],
  },
  {
    names: ['threshold'],
    group: 'Graph',
    description: 'A level line with a label and a colour.',
    parameters: [
      { name: 'value', type: 'float', required: true },
      { name: 'label', type: 'string' },
      { name: 'color', type: 'string' },
    ],
    run: (call) => {
      const line = level(call, call.number('value'), formatFloat(call.number('value')));
      const color = call.text('color');
      return [{ ...line, name: call.text('label') || line.name, ...(color === '' ? {} : { drawing: { color } }) }];
    },
  },
  {
    names: ['aggregateLine'],
    group: 'Calculate',
    description: 'A level line at a figure of each series.',
    parameters: [seriesList, { name: 'func', type: 'aggFunc', default: 'average' }, { name: 'keepStep', type: 'boolean', default: false }],
    run: aggregateLine,
  },
  {
    names: ['verticalLine'],
    group: 'Graph',
    description: 'An upright line at a time.',
    parameters: [
      { name: 'ts', type: 'date', required: true },
      { name: 'label', type: 'string' },
      { name: 'color', type: 'string' },
    ],
    run: verticalLine,
  },
  ...(
    [
      [['sinFunction', 'sin'], 'The sine of the time.', 'Transform', [{ name: 'amplitude', type: 'float', default: 1 }]],
      [['timeFunction', 'time'], 'The time as a value.', 'Transform', []],
      [['randomWalkFunction', 'randomWalk'], 'A walk of steps that look random, the same for the same time.', 'Special', []],
    ] as const
  ).map(
    ([names, description, group, parameters]): TargetFunction => ({
      names: [...names],
      group,
      description,
      parameters: [{ name: 'name', type: 'string', required: true }, ...parameters, step],
      run: (call) => [generated(call, names[0])],
    }),
  ),
  {
    names: ['events'],
    group: 'Special',
    description: 'How many events with these tags there were; "*" is all events.',
    parameters: [{ name: 'tags', type: 'string', required: true, multiple: true }],
    run: async (call) => {
      const { from, until, fetchEvents } = call.context;
      const tags = call.all('tags').map(String);
      const name = `events(${tags.map((tag) => `"${tag}"`).join(', ')})`;
      // A slot a second, as Graphite has it, while they are not too many.
      const seconds = Math.max(1, Math.ceil((until - from) / generatedMax));
      const count = Math.floor((until - from) / seconds);
      const values = new Float64Array(count).fill(Number.NaN);
      for (const time of (await fetchEvents?.(from, until, tags.length === 1 && tags[0] === '*' ? undefined : tags)) ?? []) {
        const slot = Math.floor((time - from) / seconds);
        if (slot < count) values[slot] = Number.isNaN(values[slot]) ? 1 : (values[slot] as number) + 1;
      }
      return [{ ...line(name, from, from + count * seconds, seconds, values), method: 'sum' }];
    },
  },
];

function drawn(call: Call, name: (series: Series) => string, drawing: Drawing, tags: Readonly<Record<string, string>>): readonly Series[] {
  return call.series().map((series) => ({
    ...series,
    name: name(series),
    drawing: { ...series.drawing, ...drawing },
    tags: { ...series.tags, ...tags },
  }));
}

function line(name: string, start: number, end: number, stepSeconds: number, values: Float64Array): Series {
  return { name, pathExpression: name, tags: { name }, start, end, stepSeconds, values, method: 'average', xFilesFactor: 0 };
}

// Three points, the last one at the end of the range.
function level(call: Call, value: number, name: string): Series {
  const { from, until } = call.context;
  const stepSeconds = Math.max(1, Math.floor((until - from) / 2));
  const points = line(name, from, until, stepSeconds, Float64Array.of(value, value, value));
  return { ...points, pathExpression: `constantLine(${name})`, method: 'last' };
}

function aggregateLine(call: Call): readonly Series[] {
  const word = call.text('func', 'average');
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported aggregation function: ${word}`);
  return call.series().map((series) => {
    const value = mergeValues(series.values, 0, series.values.length, method);
    const name = `aggregateLine(${series.name}, ${Number.isNaN(value) ? 'None' : formatG(value)})`;
    if (call.flag('keepStep'))
      return derive(
        series,
        name,
        series.values.map(() => value),
      );
    return { ...level(call, value, Number.isNaN(value) ? 'None' : formatFloat(value)), name, pathExpression: name };
  });
}

function verticalLine(call: Call): readonly Series[] {
  const { from, until, now, timeZone } = call.context;
  const at = parseWhen(call.text('ts'), now, timeZone);
  if (at < from) throw call.fault(`the time ${at} is before the start of the range`);
  if (at > until) throw call.fault(`the time ${at} is after the end of the range`);
  const color = call.text('color');
  const drawing = { drawAsInfinite: true, ...(color === '' ? {} : { color }) };
  return [{ ...line(call.text('label') || call.text('ts'), at, at, 1, Float64Array.of(1, 1)), drawing }];
}

function generated(call: Call, kind: string): Series {
  const { from, until } = call.context;
  const seconds = call.number('step', 60);
  if (!(seconds >= 1)) throw call.fault(`a step of ${seconds} s (expected 1 or more)`);
  const amplitude = call.number('amplitude', 1);
  const count = Math.max(0, Math.ceil((until - from) / seconds));
  if (count > generatedMax) throw call.fault(`${count} points (at most ${generatedMax})`);
  let walk = 0;
  const values = Float64Array.from({ length: count }, (_, slot) => {
    const time = from + slot * seconds;
    if (kind === 'sinFunction') return Math.sin(time) * amplitude;
    if (kind === 'timeFunction') return time;
    const at = walk;
    walk += noise(time);
    return at;
  });
  return line(call.text('name'), from, until, seconds, values);
}

// A number of -0.5 to 0.5 from a time alone.
function noise(time: number): number {
  let mixed = Math.imul(time ^ (time >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}

function stacked(call: Call): readonly Series[] {
  const stackName = call.text('stackName', '__DEFAULT__');
  const { stacks } = call.context.budget;
  let total = stacks?.get(stackName) ?? new Float64Array(0);
  const found = call.series('seriesLists').map((series) => {
    if (series.values.length > total.length) {
      const longer = new Float64Array(series.values.length);
      longer.set(total);
      total = longer;
    }
    const values = series.values.map((value, slot) => {
      if (Number.isNaN(value)) return value;
      total[slot] = (total[slot] as number) + value;
      return total[slot] as number;
    });
    const isDefault = stackName === '__DEFAULT__';
    const name = isDefault ? `stacked(${series.name})` : series.name;
    return { ...derive(series, name, values, isDefault ? { stacked: stackName } : {}), drawing: { ...series.drawing, stacked: stackName } };
  });
  stacks?.set(stackName, total);
  return found;
}

const systems: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  si: [
    ['P', 1e15],
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ],
  binary: [
    ['Pi', 2 ** 50],
    ['Ti', 2 ** 40],
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ],
};

// A value with two digits, shortened by a system of units.
function shortened(value: number, system: string, units: string): string {
  const found = (systems[system] ?? []).find(([, size]) => Math.abs(value) >= size);
  const figure = (found === undefined ? value : value / found[1]).toFixed(2);
  const unit = `${found?.[0] ?? ''}${units}`;
  return units === '' ? `${figure}${unit}` : `${figure} ${unit}`;
}

function cactiStyle(call: Call): readonly Series[] {
  const all = call.series();
  const format = (value: number): string => (Number.isNaN(value) ? 'nan' : shortened(value, call.text('system'), call.text('units')));
  const columns = (['last', 'max', 'min'] as const).map((method) => {
    const figures = all.map((series) => mergeValues(series.values, 0, series.values.length, method));
    const width = figures.reduce((most, value) => Math.max(most, format(Math.trunc(value || 3)).length), 0) + 3;
    return figures.map((value) => format(value).padEnd(width));
  });
  const width = all.reduce((most, series) => Math.max(most, series.name.length), 0);
  return all.map((series, index) => {
    const [last, max, min] = columns.map((column) => column[index] as string);
    return { ...series, name: `${series.name.padEnd(width)} Current:${last} Max:${max} Min:${min} ` };
  });
}

function legendValue(call: Call): readonly Series[] {
  const words = call.all('valueTypes').map(String);
  const system = words.at(-1) === 'si' || words.at(-1) === 'binary' ? (words.pop() as string) : undefined;
  return call.series().map((series) => {
    const name = words.reduce((text, word) => {
      const method = word.endsWith('Series') ? undefined : methodOf(word);
      const value = method === undefined ? Number.NaN : mergeValues(series.values, 0, series.values.length, method);
      if (system !== undefined) {
        const shown = method === undefined ? '(?)' : Number.isNaN(value) ? 'None' : shortened(value, system, '');
        return text.padEnd(20) + word.padEnd(5) + shown.padEnd(10);
      }
      const shown = method === undefined ? '(?)' : Number.isNaN(value) ? 'None' : method === 'count' ? String(value) : formatFloat(value);
      return `${text} (${word}: ${shown})`;
    }, series.name);
    return { ...series, name };
  });
}
