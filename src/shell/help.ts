/** Help texts, made from the command table: `weir`, `weir COMMAND --help`. */

import { commonOptions } from './arguments.js';
import type { Command, Option } from './command.js';
import type { CommandRow } from './commands.js';

/** The help of `weir` alone. */
export function programHelp(rows: readonly CommandRow[], version: string): string {
  const width = Math.max(...rows.map((row) => row.name.length));
  return [
    `Weir ${version}: folds flows, metrics and logs into cells that stay exact; unfolds flow records into packets.`,
    '',
    'Usage: weir COMMAND [OPTIONS] [FILES]',
    '',
    ...rows.map((row) => `  ${row.name.padEnd(width)}  ${row.summary}`),
    '',
    '`weir COMMAND --help` tells more, with examples.',
    '',
  ].join('\n');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const rows = [...command.options, ...commonOptions].map((option) => [optionHead(option), optionText(option)] as const);
  const width = Math.min(28, Math.max(...rows.map(([head]) => head.length)));
  const optionLines = rows.flatMap(([head, text]) =>
    head.length > width ? [`  ${head}`, `  ${' '.repeat(width)}  ${text}`] : [`  ${head.padEnd(width)}  ${text}`],
  );
  const exampleLines = command.examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`]);
  return [
    `Usage: weir ${command.name} ${command.usage}`,
    '',
    command.description.trim(),
    '',
    ...(command.raw ? [] : ['Options:', ...optionLines, '']),
    ...(exampleLines.length > 0 ? ['Examples:', ...exampleLines, ''] : []),
  ].join('\n');
}

/** `-o, --output FILE`. */
export function optionHead(option: Option): string {
  const long = option.name.length === 1 ? `-${option.name}` : `--${option.name}`;
  const short = option.short === undefined || option.short === option.name ? '' : `-${option.short}, `;
  return `${short}${long}${option.value === undefined ? '' : ` ${option.value}`}`;
}

function optionText(option: Option): string {
  return option.choices === undefined ? option.help : `${option.help} (${option.choices.join(', ')})`;
}
