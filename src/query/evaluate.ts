/**
 * Evaluates a parsed target: paths are fetched, calls looked up in the table of functions, arguments bound by the parameters' own list and
 * checked by type. Bounds: calls a request, and what the fetch itself limits (series, points).
 */

import { setImmediate } from 'node:timers/promises';
import { Malformed, Refused } from '../base/faults.js';
import { Call, type Parameter, type TargetContext, type TargetFunction, type Value } from './function.js';
import { functionByName } from './functions.js';
import type { Series } from './series.js';
import { type CallNode, parseTarget, type TargetNode } from './target.js';

const callsAtOnce = 16;

/** The series that a target means in a context. Throws Malformed with the column, Refused for a limit. */
export async function evaluateTarget(target: string, context: TargetContext): Promise<readonly Series[]> {
  const node = parseTarget(target);
  // By itself, a word such as `none` or `42` is the name of a series.
  const isName = node.kind === 'number' || node.kind === 'constant';
  const value = isName ? await context.fetch(target.trim(), context) : await evaluateNode(node, context);
  if (!Array.isArray(value))
    throw new Malformed('the target is a value (expected a path or a function)', { file: 'target', line: 1, column: 1 });
  return value;
}

/** The value of a parsed target in a context. */
export async function evaluateNode(node: TargetNode, context: TargetContext): Promise<Value> {
  switch (node.kind) {
    case 'number':
      return node.value;
    case 'text':
      return node.text;
    case 'constant':
      return node.value;
    case 'path':
      return await context.fetch(fillIn(node.path, context.template), context);
    case 'call':
      return node.name === 'template' ? await evaluateTemplate(node, context) : await evaluateCall(node, context);
  }
}

async function evaluateCall(node: CallNode, context: TargetContext): Promise<Value> {
  if (--context.budget.calls < 0) throw new Refused('the request makes too many calls of functions');
  // Others are served between, and a request that nobody waits for ends.
  if (context.budget.calls % callsAtOnce === 0) await setImmediate();
  if (context.isDropped?.() === true) throw new Refused('the client has gone');
  const row = functionByName(node.name);
  if (row === undefined) throw fault(node, `unknown function: ${node.name}`);
  const values = await bind(node, row, row.needs === undefined ? context : { ...context, onlyValues: row.needs === 'values' });
  return await row.run(new Call(context, node, values, { evaluate: evaluateNode, lookup: functionByName }));
}

async function evaluateTemplate(node: CallNode, context: TargetContext): Promise<Value> {
  const [inner, ...rest] = node.positional;
  if (inner === undefined) throw fault(node, 'template wants a target');
  const values: Record<string, string> = {};
  rest.forEach((value, index) => {
    values[String(index + 1)] = plainText(value);
  });
  for (const [name, value] of node.named) values[name] = plainText(value);
  return await evaluateNode(inner, { ...context, template: { ...values, ...context.template } });
}

function plainText(node: TargetNode): string {
  if (node.kind === 'text' || node.kind === 'number') return node.text;
  return node.kind === 'path' ? node.path : String(node.kind === 'constant' ? node.value : '');
}

function fillIn(path: string, template: Readonly<Record<string, string>>): string {
  if (!path.includes('$')) return path;
  const names = Object.keys(template).sort((left, right) => right.length - left.length);
  return names.reduce((text, name) => text.replaceAll(`$${name}`, template[name] as string), path);
}

async function bind(node: CallNode, row: TargetFunction, context: TargetContext): Promise<ReadonlyMap<string, readonly Value[]>> {
  const bound = new Map<string, Value[]>();
  for (const [index, argument] of node.positional.entries()) {
    const parameter = row.parameters[Math.min(index, row.parameters.length - 1)];
    if (parameter === undefined || (index >= row.parameters.length && !parameter.multiple)) {
      throw fault(node, `${node.name} takes ${row.parameters.length} arguments, got ${node.positional.length}`);
    }
    put(bound, parameter.name, check(node, parameter, await argumentValue(argument, parameter, context)));
  }
  for (const [name, argument] of node.named) {
    const parameter = row.parameters.find((candidate) => candidate.name === name);
    if (parameter === undefined) {
      throw fault(node, `${node.name} has no argument '${name}' (expected ${row.parameters.map((one) => one.name).join(', ')})`);
    }
    if (bound.has(name)) throw fault(node, `${node.name} got '${name}' twice`);
    put(bound, name, check(node, parameter, await argumentValue(argument, parameter, context)));
  }
  for (const parameter of row.parameters) {
    // Lists of lists may be empty: their merging gives nothing.
    const mayLack = parameter.multiple === true && parameter.type === 'seriesList';
    if (parameter.required && !mayLack && !bound.has(parameter.name))
      throw fault(node, `${node.name} lacks its argument '${parameter.name}'`);
  }
  return bound;
}

function put(bound: Map<string, Value[]>, name: string, value: Value): void {
  const list = bound.get(name);
  if (list === undefined) bound.set(name, [value]);
  else list.push(value);
}

// A bare word where a text or number is asked for is that word, never a series.
async function argumentValue(argument: TargetNode, parameter: Parameter, context: TargetContext): Promise<Value> {
  const takesSeries = parameter.type === 'seriesList' || parameter.type === 'seriesLists' || parameter.type === 'any';
  if (argument.kind === 'path' && !takesSeries) return fillIn(argument.path, context.template);
  if (argument.kind === 'text') return fillIn(argument.text, context.template);
  return await evaluateNode(argument, context);
}

function check(node: CallNode, parameter: Parameter, value: Value): Value {
  const wrong = (expected: string): Malformed => fault(node, `${node.name}: '${parameter.name}' is not ${expected}`);
  if (value === null) {
    if (parameter.required) throw wrong('given');
    return null;
  }
  switch (parameter.type) {
    case 'seriesList':
    case 'seriesLists':
      if (!Array.isArray(value)) throw wrong('a list of series');
      return value;
    case 'integer':
    case 'intOrInf':
    case 'float': {
      const number = plainNumber(value);
      if (typeof number !== 'number' || Number.isNaN(number)) throw wrong('a number');
      if (parameter.type !== 'float' && Number.isFinite(number) && !Number.isInteger(number)) throw wrong('an integer');
      return number;
    }
    case 'boolean':
      if (typeof value === 'boolean') return value;
      if (value === 0 || value === 1) return value === 1;
      if (/^(true|false)$/i.test(String(value))) return String(value).toLowerCase() === 'true';
      throw wrong('true or false');
    case 'string':
    case 'tag':
    case 'date':
    case 'aggFunc':
    case 'aggOrSeriesFunc':
    case 'interval':
      if (Array.isArray(value)) throw wrong('a text');
      if (parameter.options !== undefined && !parameter.options.includes(String(value)))
        throw wrong(`one of ${parameter.options.join(', ')}`);
      return String(value);
    case 'intOrInterval':
      if (Array.isArray(value) || typeof value === 'boolean') throw wrong('a number or an interval');
      return value;
    case 'node':
    case 'nodeOrTag':
      if (Array.isArray(value)) throw wrong('a node number or a tag');
      return value;
    case 'any':
      return value;
  }
}

function plainNumber(value: Value): Value {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string' || value.trim() === '') return value;
  return /^\s*\+?inf(inity)?\s*$/i.test(value) ? Number.POSITIVE_INFINITY : Number(value);
}

function fault(node: CallNode, message: string): Malformed {
  return new Malformed(message, { file: 'target', line: 1, column: node.column });
}
