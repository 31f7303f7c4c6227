/**
 * How the lines of a log are built, as far as the counting kernel must know it to read them from bytes: what a reader tells of itself
 * (`log-formats.ts`) and `fold/line-plan.ts` writes into the kernel's memory.
 */

import type { JsonSources } from './json-log.js';
import type { LogProgram } from './log-format.js';
import type { W3cColumn } from './w3c-log.js';

export type LogPlan =
  | { readonly kind: 'text'; readonly program: LogProgram }
  | { readonly kind: 'json'; readonly sources: JsonSources }
  | { readonly kind: 'columns'; readonly columns: readonly W3cColumn[] }
  /** Text or JSON behind a header, line by line; `any`: with a header or without. */
  | { readonly kind: 'syslog' | 'any'; readonly program: LogProgram; readonly sources: JsonSources };
