/**
 * A file of a result appears whole or not at all: it is written beside its place and then moved there, so that nobody reads half a picture.
 */

import { openOutput } from '../base/output-file.js';

/** Writes a file by way of a neighbour. */
export function writeWhole(path: string, text: string | Uint8Array): void {
  const output = openOutput(path);
  try {
    output.write(typeof text === 'string' ? Buffer.from(text) : text);
    output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
}
