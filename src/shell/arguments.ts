/**
 * Parses the words after a command by its option table, on node's own `parseArgs` tokens. A value may begin with a dash
 * (`--from -1h`), which `parseArgs` refuses in strict mode: so it runs in loose mode and what is unknown is refused here.
 */

import { parseArgs } from 'node:util';
import { Usage } from '../base/faults.js';
import type { Command, Invocation, Option, World } from './command.js';

export const commonOptions: readonly Option[] = [{ name: 'help', short: 'h', help: 'shows this help' }];

/** Parses `words`; throws Usage for an unknown option, a missing or a wrong value. */
export function parseArguments(command: Command, words: readonly string[], world: World): Invocation {
  if (command.raw) return { words, text: () => undefined, list: () => [], flag: () => false, world };
  const options = [...command.options, ...commonOptions];
  const byName = new Map(options.map((option) => [option.name, option]));
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      options.map((option) => [
        option.name,
        {
          type: option.value === undefined ? ('boolean' as const) : ('string' as const),
          multiple: true,
          ...(option.short === undefined ? {} : { short: option.short }),
        },
      ]),
    ),
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = byName.get(token.name);
    if (option === undefined) throw new Usage(`unknown option ${token.rawName} (weir ${command.name} --help lists them)`);
    if (option.value === undefined && token.value !== undefined) throw new Usage(`${token.rawName} takes no value, got '${token.value}'`);
    if (option.value !== undefined && token.value === undefined)
      throw new Usage(`${token.rawName} wants a value: ${token.rawName} ${option.value}`);
    if (option.choices !== undefined && token.value !== undefined && !option.choices.includes(token.value)) {
      throw new Usage(`${token.rawName} '${token.value}': expected one of ${option.choices.join(', ')}`);
    }
    const list = values.get(token.name) ?? [];
    list.push(token.value ?? '');
    values.set(token.name, list);
  }
  return {
    words: positionals,
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    flag: (name) => values.has(name),
    world,
  };
}
