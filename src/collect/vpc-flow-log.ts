/**
 * AWS VPC flow logs, versions 2 to 5: fields apart by blanks, named by a header line; a log without one has the fields of version 2. `-` is
 * no value. Lines of NODATA and SKIPDATA hold no flow and are passed over. Times are whole seconds of the capture window.
 * Source: Amazon VPC user guide, "Flow log records".
 */

import type { Meaning, TimeUnit } from './csv-columns.js';
import type { FlowFormat } from './format.js';
import { firstLines, type LineReading, readTextLines } from './text-lines.js';

const versionTwo = 'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';

export const vpcFlowLog: FlowFormat = {
  name: 'AWS VPC flow log',
  detect: (head) => {
    const [first = ''] = firstLines(head, 1);
    if (isHeader(first)) return true;
    const fields = first.trim().split(/ +/);
    return (
      fields.length === 14 &&
      fields[0] === '2' &&
      /^(ACCEPT|REJECT|-)$/.test(fields[12] ?? '') &&
      /^(OK|NODATA|SKIPDATA)$/.test(fields[13] ?? '')
    );
  },
  read: (input, options) => readTextLines(input, options, new Set(), lineReader()),
};

function isHeader(line: string): boolean {
  const names = line.trim().split(/[ ,]+/);
  return ['srcaddr', 'dstaddr', 'packets', 'bytes', 'start'].every((name) => names.includes(name));
}

const names: Partial<Record<Meaning, string>> = {
  first: 'start',
  last: 'end',
  src: 'srcaddr',
  dst: 'dstaddr',
  sport: 'srcport',
  dport: 'dstport',
  proto: 'protocol',
  packets: 'packets',
  bytes: 'bytes',
  flags: 'tcp-flags',
};

function lineReader(): (text: string) => LineReading {
  let fields = versionTwo.split(' ');
  return (text) => {
    if (text.trim() === '') return 'skip';
    if (isHeader(text)) {
      fields = text.trim().split(/[ ,]+/);
      return 'skip';
    }
    const values = text.trim().split(/[ ,]+/);
    if (values.length !== fields.length) return { cause: 'columns', message: `expected the ${fields.length} fields of the header` };
    const value = (name: string): string | undefined => {
      const found = values[fields.indexOf(name)];
      return found === '-' ? undefined : found;
    };
    if (/^(NODATA|SKIPDATA)$/.test(value('log-status') ?? '')) return 'skip';
    return {
      text: (meaning) => {
        const name = names[meaning];
        return name === undefined ? undefined : value(name);
      },
      unit: (): TimeUnit => 1,
    };
  };
}
