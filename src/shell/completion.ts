/** `weir completion bash|zsh|fish`: scripts made from the command table. */

import { Usage } from '../base/faults.js';
import { commonOptions } from './arguments.js';
import type { Command, Option } from './command.js';
import { commands } from './commands.js';

const shells = ['bash', 'zsh', 'fish'] as const;

export const completion: Command = {
  name: 'completion',
  summary: 'prints the completion script of a shell',
  usage: 'bash|zsh|fish',
  description: 'Prints a script that completes commands, options and their values. It is made from the same table as the help.',
  options: [],
  examples: [
    ['weir completion bash > /etc/bash_completion.d/weir', 'completes in every new bash'],
    ['weir completion fish > ~/.config/fish/completions/weir.fish', 'completes in fish'],
  ],
  run: async ({ words, world }) => {
    const shell = words[0];
    const make = shell === 'bash' ? bash : shell === 'zsh' ? zsh : shell === 'fish' ? fish : undefined;
    if (make === undefined || words.length !== 1) throw new Usage(`completion: expected one of ${shells.join(', ')}`);
    world.stdout.write(make(await Promise.all(commands.map((row) => row.load()))));
    return 0;
  },
};

const dashed = (option: Option): string => (option.name.length === 1 ? `-${option.name}` : `--${option.name}`);
const optionsOf = (command: Command): readonly Option[] => [...command.options, ...commonOptions];

function bash(all: readonly Command[]): string {
  const cases = all.map((command) => {
    const names = optionsOf(command).flatMap((option) => [dashed(option), ...(option.short === undefined ? [] : [`-${option.short}`])]);
    const values = optionsOf(command)
      .filter((option) => option.choices !== undefined)
      .map((option) => `        ${dashed(option)}) COMPREPLY=($(compgen -W "${option.choices?.join(' ')}" -- "$cur")); return ;;`);
    const choose = values.length > 0 ? `      case "$prev" in\n${values.join('\n')}\n      esac\n` : '';
    return `    ${command.name})\n${choose}      words="${names.join(' ')}" ;;`;
  });
  return `# bash completion for weir
_weir() {
  local cur prev words command
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  command="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${all.map((command) => command.name).join(' ')}" -- "$cur"))
    return
  fi
  case "$command" in
${cases.join('\n')}
  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}
complete -o filenames -F _weir weir
`;
}

function zsh(all: readonly Command[]): string {
  const quote = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll(':', '\\:');
  const cases = all.map((command) => {
    const specs = optionsOf(command).map((option) => {
      const value =
        option.value === undefined
          ? ''
          : `:${quote(option.value)}:${option.choices === undefined ? '_files' : `(${option.choices.join(' ')})`}`;
      return `'${dashed(option)}[${quote(option.help)}]${value}'`;
    });
    return `    ${command.name}) _arguments ${specs.join(' ')} '*:file:_files' ;;`;
  });
  return `#compdef weir
_weir() {
  if (( CURRENT == 2 )); then
    local -a names
    names=(${all.map((command) => `'${command.name}:${quote(command.summary)}'`).join(' ')})
    _describe 'command' names
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
_weir "$@"
`;
}

function fish(all: readonly Command[]): string {
  const quote = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  const lines = all.flatMap((command) => [
    `complete -c weir -n __fish_use_subcommand -f -a ${command.name} -d '${quote(command.summary)}'`,
    ...optionsOf(command).map((option) => {
      const name = option.name.length === 1 ? `-s ${option.name}` : `-l ${option.name}`;
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      const value = option.value === undefined ? '' : option.choices === undefined ? ' -r' : ` -x -a '${option.choices.join(' ')}'`;
      return `complete -c weir -n '__fish_seen_subcommand_from ${command.name}' ${name}${short}${value} -d '${quote(option.help)}'`;
    }),
  ]);
  return `# fish completion for weir\n${lines.join('\n')}\n`;
}
