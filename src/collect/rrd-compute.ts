/**
 * The expression of a COMPUTE source, as an `.rrd` file holds it: 4 bytes a node in the source's ten fields.
 *
 *     0  operator u8 | 1  padding | 2  value i16 (the number, or the index of the source), in the machine's byte order
 *
 * Numbers of operators: found by making a source of each with rrdtool 1.7.2; those with a time in them cannot be in a COMPUTE source but keep their number.
 */

import { Malformed } from '../base/faults.js';

const names: readonly (string | undefined)[] = [
  ...[
    undefined,
    undefined,
    'INF',
    'PREV',
    'NEGINF',
    'UNKN',
    'NOW',
    'TIME',
    '+',
    '%',
    '-',
    '*',
    '/',
    'SIN',
    'DUP',
    'EXC',
    'POP',
    'COS',
    'LOG',
  ],
  ...['EXP', 'LT', 'LE', 'GT', 'GE', 'EQ', 'IF', 'MIN', 'MAX', 'LIMIT', 'FLOOR', 'CEIL', 'UN', undefined, 'LTIME', 'NE', 'ISINF', 'PREV'],
  ...['COUNT', 'ATAN', 'SQRT', 'SORT', 'REV', 'TREND', 'TRENDNAN', 'ATAN2', 'RAD2DEG', 'DEG2RAD', 'PREDICT', 'PREDICTSIGMA', 'AVG', 'ABS'],
  ...[
    'ADDNAN',
    'MINNAN',
    'MAXNAN',
    'MEDIAN',
    'PREDICTPERC',
    'DEPTH',
    'COPY',
    'ROLL',
    'INDEX',
    'STEPWIDTH',
    'NEWDAY',
    'NEWWEEK',
    'NEWMONTH',
  ],
  ...['NEWYEAR', 'SMIN', 'SMAX', 'STDEV', 'PERCENT', 'POW', 'ROUND'],
];
const numberOperator = 0;
const variableOperator = 1;
const previousOfOperator = 36;
const endOperator = 32;

/** The text of the expression in 80 bytes of fields; `nameOf` gives the name of a source by its index. Throws Malformed with the offset. */
export function computeText(
  fields: DataView,
  littleEndian: boolean,
  nameOf: (index: number) => string | undefined,
  place: { readonly file: string; readonly offset: number },
): string {
  const parts: string[] = [];
  for (let at = 0; at + 4 <= fields.byteLength; at += 4) {
    const operator = fields.getUint8(at);
    const value = fields.getInt16(at + 2, littleEndian);
    if (operator === endOperator) return parts.join(',');
    const where = { file: place.file, offset: place.offset + at };
    if (operator === numberOperator) parts.push(String(value));
    else if (operator === variableOperator || operator === previousOfOperator) {
      const name = nameOf(value);
      if (name === undefined) throw new Malformed(`a COMPUTE source names source ${value}, which is not there`, where);
      parts.push(operator === variableOperator ? name : `PREV(${name})`);
    } else {
      const name = names[operator];
      if (name === undefined) throw new Malformed(`operator ${operator} of a COMPUTE source is unknown`, where);
      parts.push(name);
    }
  }
  return parts.join(',');
}
