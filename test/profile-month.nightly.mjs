// A month of five-minute files.
import { test } from 'node:test';
import { hasProgram } from '../build/peers.mjs';
import { assertMonth } from './profile-month.mjs';

const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
test('8,640 five-minute files in one pass: what nfdump and awk count, days and files sum to the whole', { skip }, (t) => {
  assertMonth(t, 8640, 200);
});
