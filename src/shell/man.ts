/**
 * Man pages in the man(7) language, made from the command table: `weir.1` for the program and `weir-COMMAND.1` for each command.
 * `npm run man` writes them to dist/man; `weir man COMMAND` prints one.
 */

import { Usage } from '../base/faults.js';
import { commonOptions } from './arguments.js';
import type { Command } from './command.js';
import { commands } from './commands.js';
import { optionHead } from './help.js';

export const man: Command = {
  name: 'man',
  summary: 'prints the man page of a command',
  usage: '[COMMAND]',
  description: 'Prints a man page in the man(7) language: of the program, or of one command. It is made from the same table as the help.',
  options: [],
  examples: [
    ['weir man packets | man -l -', 'reads it'],
    ['weir man > /usr/local/share/man/man1/weir.1', 'installs it'],
  ],
  run: async ({ words, world }) => {
    if (words.length > 1) throw new Usage('man: expected one command');
    const name = words[0];
    if (name === undefined) {
      world.stdout.write(programPage());
      return 0;
    }
    const row = commands.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Usage(`man: unknown command '${name}'`);
    world.stdout.write(commandPage(await row.load()));
    return 0;
  },
};

/** Text with what roff would read as markup escaped. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

function programPage(): string {
  const rows = commands.map((row) => `.TP\n.B weir ${roff(row.name)}\n${roff(row.summary)}\n`);
  return `.TH WEIR 1 "" "weir" "User Commands"
.SH NAME
weir \\- folds flows, metrics and logs into exact cells, unfolds flow records into packets
.SH SYNOPSIS
.B weir
.I COMMAND
[OPTIONS] [FILES]
.SH COMMANDS
${rows.join('')}.SH EXIT STATUS
0 done (rejects are reported on standard error), 1 failed, 2 wrong usage.
`;
}

function commandPage(command: Command): string {
  const options = command.raw ? [] : [...command.options, ...commonOptions];
  const optionRows = options.map(
    (option) =>
      `.TP\n.B ${roff(optionHead(option))}\n${roff(option.help)}${option.choices ? ` (${roff(option.choices.join(', '))})` : ''}\n`,
  );
  const exampleRows = command.examples.map(([line, does]) => `.TP\n.B ${roff(line)}\n${roff(does)}\n`);
  const paragraphs = command.description
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => roff(paragraph));
  return `.TH WEIR\\-${roff(command.name.toUpperCase())} 1 "" "weir" "User Commands"
.SH NAME
weir\\-${roff(command.name)} \\- ${roff(command.summary)}
.SH SYNOPSIS
.B weir ${roff(command.name)}
${roff(command.usage)}
.SH DESCRIPTION
${paragraphs.join('\n.PP\n')}
${optionRows.length > 0 ? `.SH OPTIONS\n${optionRows.join('')}` : ''}${exampleRows.length > 0 ? `.SH EXAMPLES\n${exampleRows.join('')}` : ''}.SH SEE ALSO
.BR weir (1)
`;
}
