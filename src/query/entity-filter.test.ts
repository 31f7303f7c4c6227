// The filter language: what passes, what the keys are bounded to, what is refused; and that no text whatever does anything but pass, fail or be refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Malformed } from '../base/faults.js';
import { type Comparable, compileFilter, type KeyBounds } from './entity-filter.js';

const entity: Readonly<Record<string, Comparable>> = {
  PartitionKey: { kind: 'text', text: 'p' },
  RowKey: { kind: 'text', text: 'r5' },
  Timestamp: { kind: 'time', text: '2026-11-24T10:00:00.1230000' },
  small: 7,
  half: 1.5,
  long: 9007199254740993n,
  yes: true,
  no: false,
  label: { kind: 'text', text: "it's" },
  at: { kind: 'time', text: '2023-11-14T22:13:20.0000000' },
  id: { kind: 'guid', text: 'c9da6455213d42c99a793e9149a57833' },
  bytes: { kind: 'bytes', text: '00ff' },
  not1: 1,
};
const lookup = (name: string): Comparable | undefined => (Object.hasOwn(entity, name) ? entity[name] : undefined);

test('what passes and what does not', () => {
  const pass = [
    'small eq 7',
    'small eq 7L',
    'small ge 6.5',
    'small lt 7.5d',
    '6 lt small',
    'small ne 8 and small gt -1',
    'half eq 1.5 and half lt 2',
    'half eq 15e-1',
    'long eq 9007199254740993L',
    'long gt 9007199254740992L',
    'long eq 9007199254740993',
    'yes',
    'yes eq true',
    'not no',
    'not not yes',
    "label eq 'it''s'",
    "label gt 'it' and label lt 'iu'",
    "at eq datetime'2023-11-14T22:13:20Z'",
    "at lt datetime'2023-11-14T22:13:20.0000001Z'",
    "at eq datetime'2023-11-14T23:13:20+01:00'",
    "Timestamp ge datetime'2026-11-24T10:00:00.123Z'",
    "id eq guid'C9DA6455-213D-42C9-9A79-3E9149A57833'",
    "bytes eq X'00FF' and bytes eq binary'00ff'",
    'small eq 1 or small eq 7 and yes',
    '(small eq 7 or small eq 1) and (yes)',
    'not (small eq 1 and yes)',
    'not1 eq 1',
    '  small   eq\t7  ',
    'true',
    'not (absent eq 1)',
  ];
  for (const text of pass) assert.equal(compileFilter(text).passes(lookup), true, text);
  const fail = [
    'small eq 8',
    'small eq true',
    "small eq '7'",
    'label eq 7',
    'absent eq 1',
    'absent ne 1',
    'absent',
    'small',
    'long eq 9007199254740992L',
    "at gt datetime'2023-11-14T22:13:20Z'",
    '(small eq 1 or small eq 7) and no',
    'false',
    'half eq NaN',
    'toString eq 1',
  ];
  for (const text of fail) assert.equal(compileFilter(text).passes(lookup), false, text);
});

test('what is refused', () => {
  const bad = [
    'value gt',
    'gt 5',
    'small = 7',
    'small eq',
    'small eq 7 and',
    '(small eq 7',
    'small eq 7)',
    'small eq small',
    '1 eq 1',
    "small eq '7",
    "at eq datetime'yesterday'",
    "id eq guid'12'",
    "bytes eq X'0'",
    "label eq foo'x'",
    'small eq null',
    'small eq 7 8',
    'and',
    '',
    'not',
    'small eq 99999999999999999999L',
    "startswith(label, 'i')",
    'a'.repeat(40_000),
    `${'('.repeat(101)}yes${')'.repeat(101)}`,
    Array.from({ length: 501 }, () => 'yes').join(' or '),
  ];
  for (const text of bad) assert.throws(() => compileFilter(text), Malformed, text.slice(0, 60));
  assert.ok(compileFilter(`${'('.repeat(100)}yes${')'.repeat(100)}`).passes(lookup));
  assert.ok(compileFilter(`${'not '.repeat(8000)}yes`).passes(lookup));
});

test('keys are bounded by what the whole filter is an and of', () => {
  const rows: readonly [string, KeyBounds][] = [
    ["PartitionKey eq 'a'", { partition: 'a', fromPartition: 'a', untilPartition: 'a\u0001' }],
    ["PartitionKey ge 'a' and (PartitionKey lt 'c' and small eq 1)", { fromPartition: 'a', untilPartition: 'c' }],
    ["RowKey gt 'b' and RowKey le 'd' and 'c' le RowKey", { fromRow: 'c', untilRow: 'd\u0001' }],
    ["PartitionKey eq 'a' or PartitionKey eq 'b'", {}],
    ["not (PartitionKey eq 'a')", {}],
    ["PartitionKey ne 'a'", {}],
    ['PartitionKey eq 5', {}],
  ];
  for (const [text, bounds] of rows) assert.deepEqual(compileFilter(text).bounds, bounds, text);
  const whole = [
    "PartitionKey eq 'a'",
    "((PartitionKey eq 'a'))",
    "RowKey gt 'b' and PartitionKey eq 'a' and 'd' ge RowKey",
    "(PartitionKey eq 'a') and (RowKey ge 'b' and RowKey lt 'c')",
  ];
  for (const text of whole) assert.equal(compileFilter(text).isBounds, true, text);
  const partly = [
    "RowKey eq 'a'",
    "PartitionKey eq 'a' and PartitionKey eq 'b'",
    "PartitionKey ge 'a' and RowKey eq 'b'",
    "PartitionKey eq 'a' and RowKey ne 'b'",
    "PartitionKey eq 'a' and RowKey gt 5",
    "PartitionKey eq 'a' or RowKey eq 'b'",
    "PartitionKey eq 'a' and not (RowKey eq 'b')",
    "PartitionKey eq 'a' and small eq 1",
  ];
  for (const text of partly) assert.equal(compileFilter(text).isBounds, false, text);
});

test('any text is a filter or Malformed', () => {
  const word = fc.constantFrom(
    'small',
    'eq',
    'and',
    'or',
    'not',
    '(',
    ')',
    "'a'",
    '7',
    'true',
    ' ',
    "datetime'2023-01-01'",
    "'",
    'X',
    '-',
    '9L',
    'é',
    '\u0000',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
      ),
      (text) => {
        try {
          assert.equal(typeof compileFilter(text).passes(lookup), 'boolean');
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error));
        }
      },
    ),
    { numRuns: 2000, seed: 20261124 },
  );
});
