/**
 * `weir whisper info, fetch, dump FILE`: what whisper-info, whisper-fetch and whisper-dump print, in the same shapes.
 */

import { Usage } from '../base/faults.js';
import { formatG } from '../base/number.js';
import type { WhisperArchive, WhisperFile, WhisperValues } from '../collect/whisper.js';
import type { Command, Invocation } from './command.js';

export const whisper: Command = {
  name: 'whisper',
  summary: "reads Whisper files: Graphite's own database",
  usage: 'info|fetch|dump FILE [--from T] [--until T] [--json]',
  description: `Reads classic Whisper files (.wsp) and prints what whisper-info, whisper-fetch and whisper-dump print.

A compressed file (.cwsp of go-whisper) and a damaged one are refused with the offset of what is wrong.`,
  options: [
    { name: 'from', value: 'T', help: 'start of the range, epoch seconds; slots after it are shown (default: a day before until)' },
    { name: 'until', value: 'T', help: 'end of the range, epoch seconds, included (default: now)' },
    { name: 'now', value: 'T', help: 'the time to count retention from, epoch seconds (default: the clock)' },
    { name: 'drop', value: 'KIND', choices: ['nulls', 'zeroes', 'empty'], help: 'leaves out slots without a value, with zero, or both' },
    { name: 'json', help: 'JSON instead of lines' },
  ],
  examples: [
    ['weir whisper info cpu.wsp', 'shows the archives'],
    ['weir whisper fetch cpu.wsp --from 1700000000 --until 1700003600 --json', 'the values of an hour'],
  ],
  run: async (invocation) => {
    const [verb, file, ...more] = invocation.words;
    const act = verb === 'info' ? info : verb === 'fetch' ? fetch : verb === 'dump' ? dump : undefined;
    if (act === undefined || file === undefined || more.length > 0) throw new Usage('whisper: expected info, fetch or dump, and one file');
    const { WhisperFile } = await import('../collect/whisper.js');
    const opened = new WhisperFile(file);
    try {
      invocation.world.stdout.write(act(opened, invocation));
    } finally {
      opened.close();
    }
    return 0;
  },
};

const archiveFields = (archive: WhisperArchive): [string, number][] => [
  ['offset', archive.offset],
  ['secondsPerPoint', archive.secondsPerPoint],
  ['points', archive.points],
  ['retention', archive.retention],
  ['size', archive.sizeBytes],
];

function info(file: WhisperFile, invocation: Invocation): string {
  const { aggregationMethod, maxRetention, xFilesFactor, archives, fileSizeBytes } = file.header;
  if (invocation.flag('json')) {
    const shown = archives.map((archive) => Object.fromEntries(archiveFields(archive)));
    return `${JSON.stringify({ aggregationMethod, maxRetention, xFilesFactor, archives: shown, fileSize: fileSizeBytes }, null, 2)}\n`;
  }
  const parts = archives.map(
    (archive, index) =>
      `\nArchive ${index}\n${archiveFields(archive)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join('')}`,
  );
  return `aggregationMethod: ${aggregationMethod}\nmaxRetention: ${maxRetention}\nxFilesFactor: ${Number.isInteger(xFilesFactor) ? xFilesFactor.toFixed(1) : xFilesFactor}\nfileSize: ${fileSizeBytes}\n${parts.join('')}\n`;
}

function fetch(file: WhisperFile, invocation: Invocation): string {
  const now = seconds(invocation, 'now') ?? Math.floor(invocation.world.now() / 1000);
  const until = seconds(invocation, 'until') ?? now;
  const from = seconds(invocation, 'from') ?? until - 86400;
  const empty: WhisperValues = { start: from, end: until, step: 1, values: new Float64Array(0) };
  const { start, end, step, values } = file.fetch(from, until, now) ?? empty;
  const drop = invocation.text('drop');
  const keep = (value: number): boolean =>
    !((Number.isNaN(value) && (drop === 'nulls' || drop === 'empty')) || (value === 0 && (drop === 'zeroes' || drop === 'empty')));
  if (invocation.flag('json')) {
    const shown = [...values].filter(keep).map((value) => (Number.isFinite(value) ? value : null));
    return `${JSON.stringify({ start, end, step, values: shown })}\n`;
  }
  const lines: string[] = [];
  values.forEach((value, index) => {
    if (keep(value)) lines.push(`${start + index * step}\t${Number.isNaN(value) ? 'None' : value.toFixed(6)}\n`);
  });
  return lines.join('');
}

function dump(file: WhisperFile, invocation: Invocation): string {
  const { aggregationMethod, maxRetention, xFilesFactor, archives } = file.header;
  const slots = (archive: WhisperArchive): [number, number, number][] => {
    const found: [number, number, number][] = [];
    file.forEachSlot(archive, (slot, time, value) => found.push([slot, time, value]));
    return found;
  };
  if (invocation.flag('json')) {
    const shown = archives.map((archive) => ({
      ...Object.fromEntries(archiveFields(archive)),
      storedPoints: slots(archive).flatMap(([, time, value]) => (time === 0 ? [] : [[time, value]])),
    }));
    return `${JSON.stringify({ aggregationMethod, maxRetention, xFilesFactor, archives: shown })}\n`;
  }
  const names = ['offset', 'seconds per point', 'points', 'retention', 'size'];
  const heads = archives.map(
    (archive, index) =>
      `\nArchive ${index} info:\n${archiveFields(archive)
        .map(([, value], field) => `  ${names[field]}: ${value}\n`)
        .join('')}`,
  );
  const data = archives.map(
    (archive, index) =>
      `Archive ${index} data:\n${slots(archive)
        .map(([slot, time, value]) => `${slot}: ${time}, ${formatG(value, 35).padStart(10)}\n`)
        .join('')}`,
  );
  const factor = formatG(xFilesFactor, 6);
  return `Meta data:\n  aggregation method: ${aggregationMethod}\n  max retention: ${maxRetention}\n  xFilesFactor: ${factor}\n${heads.join('')}\n${data.join('')}`;
}

function seconds(invocation: Invocation, name: string): number | undefined {
  const text = invocation.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new Usage(`--${name} '${text}' (expected epoch seconds)`);
  return Number(text);
}
