/**
 * The one table of Graphite's functions, from its siblings by kind. Names are looked up as written; each row may carry several.
 */

import type { TargetFunction } from './function.js';
import { aliasFunctions } from './functions-alias.js';
import { cellFunctions } from './functions-cells.js';
import { combineFunctions } from './functions-combine.js';
import { filterFunctions } from './functions-filter.js';
import { forecastFunctions } from './functions-forecast.js';
import { graphFunctions } from './functions-graph.js';
import { listFunctions } from './functions-lists.js';
import { selectFunctions } from './functions-select.js';
import { timeFunctions } from './functions-time.js';
import { transformFunctions } from './functions-transform.js';
import { valueFunctions } from './functions-value.js';
import { windowFunctions } from './functions-window.js';

/** Every function, each once. */
export const targetFunctions: readonly TargetFunction[] = [
  ...aliasFunctions,
  ...combineFunctions,
  ...filterFunctions,
  ...transformFunctions,
  ...selectFunctions,
  ...graphFunctions,
  ...forecastFunctions,
  ...listFunctions,
  ...timeFunctions,
  ...valueFunctions,
  ...windowFunctions,
  ...cellFunctions,
];

const byName = new Map(targetFunctions.flatMap((row) => row.names.map((name) => [name, row] as const)));

/** The function of a name, or undefined. */
export function functionByName(name: string): TargetFunction | undefined {
  return byName.get(name);
}
