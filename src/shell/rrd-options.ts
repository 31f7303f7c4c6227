/**
 * RRDtool's way with options: short and long ones anywhere between the words, a value behind a blank, an equals sign or stuck to its letter, and it
 * may begin with a dash (`-s -1h`, `-s-1h`, `--start=-1h`); after `--` everything is a word. Source: rrdtool(1) and the programs' own behaviour.
 */

import { Usage } from '../base/faults.js';

export interface RrdOption {
  readonly long: string;
  readonly short?: string;
  readonly takesValue: boolean;
}

export interface RrdWords {
  readonly words: readonly string[];
  /** The value of an option, the last one given; the empty text for a flag. */
  readonly value: (long: string) => string | undefined;
}

/** Options that every reading verb of rrdtool has; the daemon's is refused where it is used. */
export const daemonOption: RrdOption = { long: 'daemon', short: 'd', takesValue: true };

export function parseRrdWords(verb: string, words: readonly string[], options: readonly RrdOption[]): RrdWords {
  const values = new Map<string, string>();
  const plain: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      plain.push(...words.slice(index + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      plain.push(word);
      continue;
    }
    const { option, attached } = word.startsWith('--') ? longOption(verb, word, options) : shortOption(verb, word, options);
    if (!option.takesValue) {
      if (attached !== undefined && word.startsWith('--')) throw new Usage(`rrd ${verb}: --${option.long} takes no value`);
      values.set(option.long, '');
      if (attached !== undefined) throw new Usage(`rrd ${verb}: '${word}' (give one option a word)`);
      continue;
    }
    const value = attached ?? words[++index];
    if (value === undefined) throw new Usage(`rrd ${verb}: ${word} wants a value`);
    values.set(option.long, value);
  }
  if (values.has('daemon')) throw new Usage(`rrd ${verb}: --daemon: Weir reads the file itself and asks no rrdcached (leave it out)`);
  return { words: plain, value: (long) => values.get(long) };
}

function longOption(verb: string, word: string, options: readonly RrdOption[]): { option: RrdOption; attached: string | undefined } {
  const cut = word.indexOf('=');
  const name = word.slice(2, cut < 0 ? undefined : cut);
  const option = options.find((candidate) => candidate.long === name);
  if (option === undefined) throw unknown(verb, word, options);
  return { option, attached: cut < 0 ? undefined : word.slice(cut + 1) };
}

function shortOption(verb: string, word: string, options: readonly RrdOption[]): { option: RrdOption; attached: string | undefined } {
  const option = options.find((candidate) => candidate.short === word[1]);
  if (option === undefined) throw unknown(verb, word, options);
  return { option, attached: word.length > 2 ? word.slice(2) : undefined };
}

function unknown(verb: string, word: string, options: readonly RrdOption[]): Usage {
  const known = options.map((option) => `${option.short === undefined ? '' : `-${option.short}, `}--${option.long}`);
  return new Usage(`rrd ${verb}: unknown option '${word}' (expected ${known.length === 0 ? 'none' : known.join('; ')})`);
}
