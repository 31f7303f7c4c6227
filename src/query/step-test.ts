/**
 * Where a curve of latency over n has a step. A line is fitted by least squares to the medians; then, for each place between two sizes, a line with a step there. The
 * greatest gain over all places is compared with what the same search finds in the residuals put in random order (seeded, so that the answer repeats): the share of those that
 * gain less is the confidence. The search goes on behind a step that was found. Source: the sup-F test for one change of unknown place (Andrews, 1993), with a permutation
 * distribution in place of its tables.
 */

/** A step: from `n` on, the curve lies `size` higher than the line before it. */
export interface Step {
  readonly n: number;
  readonly size: number;
  /** Share of random orders whose greatest gain was less. */
  readonly confidence: number;
}

export interface StepAnswer {
  /** Of the line with its steps: value = intercept + slope * n + steps before n. */
  readonly intercept: number;
  readonly slope: number;
  readonly steps: readonly Step[];
}

const permutations = 999;
const stepsMax = 5;

/** Steps of confidence 0.99 and more, the surest first. At least eight points are wanted for any. */
export function findSteps(sizes: readonly number[], values: readonly number[], least = 0.99): StepAnswer {
  const steps: Step[] = [];
  const places: number[] = [];
  for (let round = 0; round < stepsMax && sizes.length >= 8; round++) {
    const residuals = residualsOf(sizes, values, places);
    const found = greatestGain(sizes, residuals, places);
    if (found === undefined) break;
    let below = 0;
    const random = generator(20261124 + round);
    // Once too many random orders gained more, the rest cannot change that.
    for (let turn = 0; turn < permutations && turn - below <= permutations * (1 - least); turn++) {
      const other = greatestGain(sizes, shuffled(residuals, random), places);
      if (other === undefined || other.gain < found.gain) below += 1;
    }
    const confidence = below / permutations;
    if (confidence < least) break;
    places.push(found.place);
    steps.push({ n: sizes[found.place] ?? 0, size: 0, confidence });
  }
  const fit = solve(sizes, values, places);
  return {
    intercept: fit[0] ?? 0,
    slope: fit[1] ?? 0,
    steps: steps.map((step, index) => ({ ...step, size: fit[2 + index] ?? 0 })),
  };
}

function residualsOf(sizes: readonly number[], values: readonly number[], places: readonly number[]): number[] {
  const fit = solve(sizes, values, places);
  return values.map(
    (value, index) => value - rowOf(sizes, index, places).reduce((sum, term, column) => sum + term * (fit[column] ?? 0), 0),
  );
}

// The place whose step takes most from the squares of the residuals; none at the two ends, where a step is no more than an outlier.
function greatestGain(
  sizes: readonly number[],
  residuals: readonly number[],
  places: readonly number[],
): { place: number; gain: number } | undefined {
  const before = squares(residuals);
  if (before === 0) return undefined;
  let best: { place: number; gain: number } | undefined;
  for (let place = 3; place <= sizes.length - 3; place++) {
    if (places.some((taken) => Math.abs(taken - place) < 2)) continue;
    const fit = solve(sizes, residuals, [...places, place]);
    const rest = residuals.map(
      (value, index) => value - rowOf(sizes, index, [...places, place]).reduce((sum, term, column) => sum + term * (fit[column] ?? 0), 0),
    );
    const gain = (before - squares(rest)) / Math.max(squares(rest), before * 1e-12);
    if (best === undefined || gain > best.gain) best = { place, gain };
  }
  return best;
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

function rowOf(sizes: readonly number[], index: number, places: readonly number[]): number[] {
  return [1, sizes[index] ?? 0, ...places.map((place) => (index >= place ? 1 : 0))];
}

// Least squares by the normal equations, sizes scaled so that they are well conditioned.
function solve(sizes: readonly number[], values: readonly number[], places: readonly number[]): number[] {
  const scale = Math.max(1, ...sizes);
  const scaled = sizes.map((size) => size / scale);
  const width = 2 + places.length;
  const matrix = Array.from({ length: width }, () => new Array<number>(width + 1).fill(0));
  values.forEach((value, index) => {
    const row = rowOf(scaled, index, places);
    for (let line = 0; line < width; line++) {
      const target = matrix[line] as number[];
      for (let column = 0; column < width; column++) target[column] = (target[column] ?? 0) + (row[line] ?? 0) * (row[column] ?? 0);
      target[width] = (target[width] ?? 0) + (row[line] ?? 0) * value;
    }
  });
  const fit = eliminate(matrix, width);
  fit[1] = (fit[1] ?? 0) / scale;
  return fit;
}

function eliminate(matrix: number[][], width: number): number[] {
  for (let pivot = 0; pivot < width; pivot++) {
    let best = pivot;
    for (let line = pivot + 1; line < width; line++)
      if (Math.abs(matrix[line]?.[pivot] ?? 0) > Math.abs(matrix[best]?.[pivot] ?? 0)) best = line;
    [matrix[pivot], matrix[best]] = [matrix[best] as number[], matrix[pivot] as number[]];
    const head = matrix[pivot] as number[];
    if (Math.abs(head[pivot] ?? 0) < 1e-12) continue;
    for (let line = 0; line < width; line++) {
      if (line === pivot) continue;
      const target = matrix[line] as number[];
      const factor = (target[pivot] ?? 0) / (head[pivot] ?? 1);
      for (let column = pivot; column <= width; column++) target[column] = (target[column] ?? 0) - factor * (head[column] ?? 0);
    }
  }
  return matrix.map((line, index) => (Math.abs(line[index] ?? 0) < 1e-12 ? 0 : (line[width] ?? 0) / (line[index] ?? 1)));
}

function shuffled(values: readonly number[], random: () => number): number[] {
  const list = [...values];
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [list[index], list[other]] = [list[other] as number, list[index] as number];
  }
  return list;
}

/** Numbers in [0, 1) by a seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
