/**
 * Entity group transactions: the body of `$batch`, a multipart message with one changeset of HTTP requests in it, and the answer of the same form. Up to 100 commands on one partition, each entity once,
 * 4 MiB; applied whole or not at all, and when one fails the answer holds that one's error. Source: "Performing entity group transactions" (learn.microsoft.com), RFC 2046 section 5.1.
 */

import { randomUUID } from 'node:crypto';
import { AzureFault } from './azure-answers.js';

export const commandsMax = 100;
export const batchSizeMax = 4 << 20;

/** A request within a batch. */
export interface Command {
  readonly method: string;
  /** Path and query as they were sent, without scheme and host. */
  readonly target: string;
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Reads the commands of a batch. Throws AzureFault. */
export function readBatch(contentType: string, body: string): Command[] {
  const [outer] = partsOf(contentType, body);
  if (outer === undefined) throw new AzureFault('InvalidInput');
  const outerHead = headOf(outer);
  const type = outerHead.headers['content-type'] ?? '';
  // A query by itself stands in the batch without a changeset.
  const parts = /^multipart\/mixed/i.test(type) ? partsOf(type, outerHead.rest) : [outer];
  if (parts.length === 0 || parts.length > commandsMax) throw new AzureFault('InvalidInput');
  return parts.map(commandOf);
}

function partsOf(contentType: string, body: string): string[] {
  const match = /^multipart\/mixed\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw new AzureFault('InvalidInput');
  const pieces = `\n${body}`.split(`\n--${boundary}`);
  if (pieces.length > commandsMax + 2 || !(pieces.at(-1) ?? '').startsWith('--')) throw new AzureFault('InvalidInput');
  return pieces.slice(1, -1).map((piece) => piece.replace(/^[ \t]*\r?\n/, '').replace(/\r$/, ''));
}

function headOf(text: string): { readonly headers: Readonly<Record<string, string>>; readonly rest: string } {
  const end = /\r?\n\r?\n/.exec(text);
  const lines = (end === null ? text : text.slice(0, end.index)).split(/\r?\n/);
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { headers, rest: end === null ? '' : text.slice(end.index + end[0].length) };
}

function commandOf(part: string): Command {
  const { headers, rest } = headOf(part);
  if (!/^application\/http/i.test(headers['content-type'] ?? '')) throw new AzureFault('InvalidInput');
  const request = rest.replace(/^(\r?\n)+/, '');
  const match = /^([A-Z]{3,7}) (\S+) HTTP\/1\.[01]\r?\n/.exec(request) ?? /^([A-Z]{3,7}) (\S+) HTTP\/1\.[01]$/.exec(request);
  if (match === null) throw new AzureFault('InvalidInput');
  const [line, method = '', url = ''] = match;
  const own = headOf(request.slice(line.length));
  return { method, target: url.replace(/^https?:\/\/[^/?]*/i, ''), headers: own.headers, body: own.rest.trim() };
}

/** What became of a command. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const phrases: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
};

/** The answer of a batch: its type and body. A query's answer stands without a changeset. */
export function writeBatch(replies: readonly Reply[], isQuery: boolean): { readonly type: string; readonly body: string } {
  const [batch, changeset] = [`batchresponse_${randomUUID()}`, `changesetresponse_${randomUUID()}`];
  const lines: string[] = [`--${batch}`];
  if (!isQuery) lines.push(`Content-Type: multipart/mixed; boundary=${changeset}`, '');
  for (const { status, headers, body } of replies) {
    if (!isQuery) lines.push(`--${changeset}`);
    lines.push(
      'Content-Type: application/http',
      'Content-Transfer-Encoding: binary',
      '',
      `HTTP/1.1 ${status} ${phrases[status] ?? 'Error'}`,
    );
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    lines.push('', body);
  }
  if (!isQuery) lines.push(`--${changeset}--`);
  lines.push(`--${batch}--`, '');
  return { type: `multipart/mixed; boundary=${batch}`, body: lines.join('\r\n') };
}
