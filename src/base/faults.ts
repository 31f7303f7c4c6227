/**
 * The four kinds of error that Weir throws, and nothing else on purpose.
 *
 * Malformed: input from outside is not what its format says. Corrupt: something Weir stored reads back wrong.
 * Refused: a limit was met or a command was used wrongly. Bug: an assertion of our own failed.
 * The first three are shown to a user as one line, `weir: PLACE: what is wrong (what was expected)`, never as a stack trace.
 */

/** Where in the input a fault lies: a file with a line, or a file with a byte offset. */
export interface Place {
  readonly file?: string;
  /** Line, from 1. */
  readonly line?: number;
  /** Column, from 1. */
  readonly column?: number;
  /** Byte offset, from 0. */
  readonly offset?: number;
}

/** Renders a place as `FILE:LINE`, `FILE:LINE:COLUMN` or `FILE@OFFSET`; the empty string when nothing is known. */
export function formatPlace(place: Place): string {
  const file = place.file ?? '';
  if (place.line !== undefined) return `${file}:${place.line}${place.column === undefined ? '' : `:${place.column}`}`;
  if (place.offset !== undefined) return `${file}@${place.offset}`;
  return file;
}

/** Base of the errors that are a user's to read: a message that stands alone, and the place it speaks of. */
export abstract class Fault extends Error {
  readonly place: Place;
  constructor(message: string, place: Place = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.place = place;
  }
  /** One line for a person: place, then message. */
  get line(): string {
    const where = formatPlace(this.place);
    return where === '' ? this.message : `${where}: ${this.message}`;
  }
}

/** Input that is not what its format says. */
export class Malformed extends Fault {}
/** A stored thing that reads back wrong (checksum, length, version). */
export class Corrupt extends Fault {}
/** A limit was met, or something was asked for that is not to be had. */
export class Refused extends Fault {}
/** A command line that makes no sense: exit code 2. */
export class Usage extends Refused {}

/** An assertion of our own that failed; the only one that is shown with a stack trace. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** Throws a Bug unless the condition holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}
