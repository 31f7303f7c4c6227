// The laws of states: time is counted once and whole, in any split, order and resolution.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addState, copyState, mergeState, percentUnknown, readState, rollUpState, type States, stateFields, zeroStates } from './state.js';

// Pieces of time one after another; whole values, so that sums are exact.
const pieces = fc.array(
  fc.record({ ms: fc.integer({ min: 1, max: 5000 }), value: fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constant(Number.NaN)) }),
  { minLength: 1, maxLength: 40 },
);
type Pieces = readonly { readonly ms: number; readonly value: number }[];

function cellsOf(list: Pieces): States {
  const cells = zeroStates(list.length);
  let at = 0;
  for (const [index, { ms, value }] of list.entries()) {
    addState(cells, index, at, at + ms, value);
    at += ms;
  }
  return cells;
}

function joined(cells: States, order: readonly number[]): States {
  const whole = zeroStates(1);
  for (const at of order) mergeState(whole, 0, cells, at);
  return whole;
}

const told = (cells: States, at = 0): number[] =>
  stateFields
    .filter((field) => cells.knownMs[at] !== 0 || field === 'unknownMs' || field === 'knownMs')
    .map((field) => cells[field][at] as number);

test('any order and any grouping of pieces gives the same cell, and no time is lost', () => {
  fc.assert(
    fc.property(pieces, fc.infiniteStream(fc.nat()), fc.nat(), (list, noise, cut) => {
      const cells = cellsOf(list);
      const order = list.map((_, at) => at);
      const inOrder = joined(cells, order);
      const shuffled = order.map((at) => [noise.next().value as number, at] as const).sort(([one], [two]) => one - two);
      assert.deepEqual(
        told(
          joined(
            cells,
            shuffled.map(([, at]) => at),
          ),
        ),
        told(inOrder),
      );
      const halves = zeroStates(2);
      const middle = cut % (list.length + 1);
      for (const at of order) rollUpState(halves, at < middle ? 0 : 1, cells, at);
      assert.deepEqual(told(joined(halves, [0, 1])), told(inOrder));
      assert.equal(
        (inOrder.knownMs[0] as number) + (inOrder.unknownMs[0] as number),
        list.reduce((sum, { ms }) => sum + ms, 0),
      );
    }),
  );
});

test('the empty cell is the zero of merging', () => {
  fc.assert(
    fc.property(pieces, (list) => {
      const whole = joined(
        cellsOf(list),
        list.map((_, at) => at),
      );
      const again = zeroStates(1);
      copyState(again, 0, whole, 0);
      mergeState(again, 0, zeroStates(1), 0);
      assert.deepEqual(told(again), told(whole));
    }),
  );
});

test('adding pieces to one cell is merging them', () => {
  fc.assert(
    fc.property(pieces, (list) => {
      const whole = zeroStates(1);
      let at = 0;
      for (const { ms, value } of list) {
        addState(whole, 0, at, at + ms, value);
        at += ms;
      }
      assert.deepEqual(
        told(whole),
        told(
          joined(
            cellsOf(list),
            list.map((_, index) => index),
          ),
        ),
      );
    }),
  );
});

test('an average is weighted by time, and what is unknown has its share', () => {
  const cells = zeroStates(1);
  addState(cells, 0, 0, 10_000, 4);
  addState(cells, 0, 10_000, 40_000, 8);
  addState(cells, 0, 40_000, 60_000, Number.NaN);
  const read = (method: string, factor = 0): number => readState(cells, 0, method, factor);
  assert.deepEqual(
    ['average', 'min', 'max', 'last', 'sum'].map((method) => read(method)),
    [7, 4, 8, 8, 280],
  );
  assert.equal(percentUnknown(cells.knownMs[0] as number, cells.unknownMs[0] as number), 100 / 3);
  assert.equal(read('average', 0.5), 7);
  assert.ok(Number.isNaN(read('average', 0.7)));
});

test('a figure that a coarse archive did not hold is shown by no method that needs it', () => {
  const [coarse, fine] = [zeroStates(1), zeroStates(1)];
  addState(coarse, 0, 0, 60_000, 5);
  coarse.mins[0] = Number.NaN;
  addState(fine, 0, 60_000, 120_000, 7);
  for (const [one, two] of [[coarse, fine] as const, [fine, coarse] as const]) {
    const whole = zeroStates(1);
    mergeState(whole, 0, one, 0);
    mergeState(whole, 0, two, 0);
    assert.deepEqual([readState(whole, 0, 'average'), readState(whole, 0, 'min'), readState(whole, 0, 'max')], [6, Number.NaN, 7]);
  }
});
