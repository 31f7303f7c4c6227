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
  usage: 'info|fetch|dump FILE [FIELD] [--from T] [--until T] [--json]',
  description: `Reads classic Whisper files (.wsp) and prints what whisper-info, whisper-fetch and whisper-dump print.

info prints one field alone when it is named: aggregationMethod, maxRetention, xFilesFactor or fileSize. A range that the file does not reach has no data: exit code 1.
A compressed file (.cwsp of go-whisper) and a damaged one are refused with the offset of what is wrong.`,
  options: [
    { name: 'from', value: 'T', help: 'start of the range, epoch seconds; slots after it are shown (default: a day before until)' },
    { name: 'until', value: 'T', help: 'end of the range, epoch seconds, included (default: now)' },
    { name: 'now', value: 'T', help: 'the time to count retention from, epoch seconds (default: the clock)' },
    { name: 'drop', value: 'KIND', choices: ['nulls', 'zeroes', 'empty'], help: 'leaves out slots without a value, with zero, or both' },
    { name: 'pretty', help: 'times as dates, in UTC' },
    { name: 'json', help: 'JSON instead of lines' },
  ],
  examples: [
    ['weir whisper info cpu.wsp', 'shows the archives'],
    ['weir whisper fetch cpu.wsp --from 1700000000 --until 1700003600 --json', 'the values of an hour'],
  ],
  run: async (invocation) => {
    const [verb, file, ...more] = invocation.words;
    const act = verb === 'info' ? info : verb === 'fetch' ? fetch : verb === 'dump' ? dump : undefined;
    if (act === undefined || file === undefined || more.length > (verb === 'info' ? 1 : 0))
      throw new Usage('whisper: expected info, fetch or dump, and one file');
    const { WhisperFile } = await import('../collect/whisper.js');
    const opened = new WhisperFile(file);
    try {
      const text = act(opened, invocation);
      if (text === undefined) invocation.world.stderr.write(`weir: ${file}: no data in the selected range\n`);
      else invocation.world.stdout.write(text);
      return text === undefined ? 1 : 0;
    } finally {
      opened.close();
    }
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
  const factor = Number.isInteger(xFilesFactor) ? xFilesFactor.toFixed(1) : String(xFilesFactor);
  const field = invocation.words[2];
  if (field !== undefined) {
    const fields = new Map<string, string | number>([
      ['aggregationMethod', aggregationMethod],
      ['maxRetention', maxRetention],
      ['xFilesFactor', factor],
      ['fileSize', fileSizeBytes],
    ]);
    if (!fields.has(field)) throw new Usage(`whisper info: unknown field '${field}' (expected ${[...fields.keys()].join(', ')})`);
    return `${fields.get(field)}\n`;
  }
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
  return `aggregationMethod: ${aggregationMethod}\nmaxRetention: ${maxRetention}\nxFilesFactor: ${factor}\nfileSize: ${fileSizeBytes}\n${parts.join('')}\n`;
}

function fetch(file: WhisperFile, invocation: Invocation): string | undefined {
  const now = seconds(invocation, 'now') ?? Math.floor(invocation.world.now() / 1000);
  const until = seconds(invocation, 'until') ?? now;
  const from = seconds(invocation, 'from') ?? until - 86400;
  const found: WhisperValues | undefined = file.fetch(from, until, now);
  if (found === undefined) return undefined;
  const { start, end, step, values } = found;
  const shownTime = timesOf(invocation);
  const drop = invocation.text('drop');
  const keep = (value: number): boolean =>
    !((Number.isNaN(value) && (drop === 'nulls' || drop === 'empty')) || (value === 0 && (drop === 'zeroes' || drop === 'empty')));
  if (invocation.flag('json')) {
    const shown = [...values].filter(keep).map((value) => (Number.isFinite(value) ? value : null));
    return `${JSON.stringify({ start, end, step, values: shown })}\n`;
  }
  const lines: string[] = [];
  values.forEach((value, index) => {
    if (keep(value)) lines.push(`${shownTime(start + index * step)}\t${Number.isNaN(value) ? 'None' : value.toFixed(6)}\n`);
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
  const shownTime = timesOf(invocation);
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
        .map(([slot, time, value]) => `${slot}: ${shownTime(time)}, ${formatG(value, 35).padStart(10)}\n`)
        .join('')}`,
  );
  const factor = formatG(xFilesFactor, 6);
  return `Meta data:\n  aggregation method: ${aggregationMethod}\n  max retention: ${maxRetention}\n  xFilesFactor: ${factor}\n${heads.join('')}\n${data.join('')}`;
}

// Epoch seconds, or as C's ctime writes them: `Fri Nov 27 00:55:00 2026`.
function timesOf(invocation: Invocation): (seconds: number) => string {
  if (!invocation.flag('pretty')) return String;
  return (time) => {
    const [weekday, day, month, year, clock] = new Date(time * 1000).toUTCString().replace(',', '').split(' ') as [
      string,
      string,
      string,
      string,
      string,
    ];
    return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
  };
}

function seconds(invocation: Invocation, name: string): number | undefined {
  const text = invocation.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new Usage(`--${name} '${text}' (expected epoch seconds)`);
  return Number(text);
}
