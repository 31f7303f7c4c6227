/**
 * Identities of batches that were counted, in bounded memory: senders number their batches (`SERIES-1, SERIES-2, ...`), so that what is kept of a series is
 * the runs of its numbers, mostly a single one, however many batches it sent. Any other identity is kept by itself. Exact: nothing is known that did not come.
 */

/** As written: single ones with their times, and series with the time of their last batch and runs `[from, to, from, to, ...]`, both ends in. */
export interface WrittenIdentities {
  readonly ids: readonly (readonly [identity: string, at: number])[];
  readonly runs: readonly (readonly [series: string, at: number, ...runs: number[]])[];
}

interface Series {
  at: number;
  /** from, to, from, to, ... in order, with gaps between. */
  readonly runs: number[];
}

export class Identities {
  readonly #single = new Map<string, number>();
  readonly #series = new Map<string, Series>();

  has(identity: string): boolean {
    const numbered = split(identity);
    if (numbered === undefined) return this.#single.has(identity);
    const runs = this.#series.get(numbered.series)?.runs ?? [];
    const place = runBefore(runs, numbered.number);
    return place >= 0 && numbered.number <= (runs[place + 1] ?? -1);
  }

  /** `at`: milliseconds of the epoch. */
  add(identity: string, at: number): void {
    const numbered = split(identity);
    if (numbered === undefined) {
      this.#single.set(identity, at);
      return;
    }
    const series = this.#series.get(numbered.series) ?? { at, runs: [] };
    series.at = Math.max(series.at, at);
    addToRuns(series.runs, numbered.number);
    this.#series.set(numbered.series, series);
  }

  /** Forgets what came before an instant: single ones, and series of which nothing has come since. */
  dropBefore(instant: number): void {
    for (const [identity, at] of this.#single) if (at < instant) this.#single.delete(identity);
    for (const [name, { at }] of this.#series) if (at < instant) this.#series.delete(name);
  }

  written(): WrittenIdentities {
    return { ids: [...this.#single], runs: [...this.#series].map(([name, { at, runs }]) => [name, at, ...runs] as const) };
  }

  read({ ids, runs }: Partial<WrittenIdentities>): void {
    for (const [identity, at] of ids ?? []) this.add(identity, at);
    for (const [name, at, ...list] of runs ?? []) this.#series.set(name, { at, runs: list });
  }
}

function split(identity: string): { series: string; number: number } | undefined {
  const parts = /^(.*\D)(0|[1-9]\d{0,14})$/s.exec(identity);
  return parts === null ? undefined : { series: parts[1] ?? '', number: Number(parts[2]) };
}

// The place of the last run that begins at or before a number; -2 when there is none.
function runBefore(runs: readonly number[], number: number): number {
  let low = 0;
  let high = runs.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle * 2] ?? 0) <= number) low = middle + 1;
    else high = middle;
  }
  return low * 2 - 2;
}

function addToRuns(runs: number[], number: number): void {
  const place = runBefore(runs, number);
  const end = place < 0 ? -2 : (runs[place + 1] ?? 0);
  if (number <= end) return;
  const next = place < 0 ? 0 : place + 2;
  const joinsLeft = number === end + 1;
  const joinsRight = runs[next] === number + 1;
  if (joinsLeft && joinsRight) runs.splice(place + 1, 2);
  else if (joinsLeft) runs[place + 1] = number;
  else if (joinsRight) runs[next] = number;
  else runs.splice(next, 0, number, number);
}
