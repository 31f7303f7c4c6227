/**
 * The readers that `weir probe take` can measure: a Weir, a service of the table protocol (signed, its continuations followed), any address with {n} in it. All over one connection that stays open, so
 * that what is measured is the reading.
 */

import { createHmac } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Malformed, Usage } from '../base/faults.js';

/** Reads n records; the answer is how many bytes came. */
export interface Reader {
  readonly take: (n: number) => Promise<number>;
  readonly close: () => void;
}

export interface ReaderOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Where connections go instead: a proxy on loopback. */
  readonly proxyPort: number | undefined;
  readonly noDelay: boolean;
}

interface Got {
  readonly bytes: number;
  readonly headers: IncomingMessage['headers'];
}

/** Opens one connection to the server of an address. */
function openConnection(
  origin: URL,
  { proxyPort, noDelay, headers }: ReaderOptions,
): { readonly get: (target: URL, more: Readonly<Record<string, string>>) => Promise<Got>; readonly close: () => void } {
  const isSecure = origin.protocol === 'https:';
  const agent = isSecure ? new HttpsAgent({ keepAlive: true, maxSockets: 1 }) : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const get = (target: URL, more: Readonly<Record<string, string>>): Promise<Got> =>
    new Promise((resolve, reject) => {
      const options = {
        agent,
        headers: { host: target.host, ...headers, ...more },
        path: target.pathname + target.search,
        hostname: target.hostname,
        port: portOf(target),
        ...(proxyPort === undefined ? {} : { host: '127.0.0.1', hostname: '127.0.0.1', port: proxyPort, servername: target.hostname }),
      };
      const sent = (isSecure ? httpsRequest : httpRequest)(options, (response) => {
        let bytes = 0;
        response.on('data', (piece: Buffer) => {
          bytes += piece.length;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve({ bytes, headers: response.headers });
          else reject(new Malformed(`the server answered ${response.statusCode}`, { file: target.origin }));
        });
        response.on('error', reject);
      });
      sent.setNoDelay(noDelay);
      sent.on('error', (error) =>
        reject(error instanceof Malformed ? error : new Malformed(`no answer: ${error.message}`, { file: target.origin }, error)),
      );
      sent.end();
    });
  return { get, close: () => agent.destroy() };
}

export function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}

/** A reader of an address in which {n} stands for the number. */
export function openTemplate(template: string, options: ReaderOptions): Reader {
  const { get, close } = openConnection(new URL(template.replaceAll('{n}', '1')), options);
  return { take: async (n) => (await get(new URL(template.replaceAll('{n}', String(n))), {})).bytes, close };
}

const pageMax = 1000;

/** A reader of a partition by the table protocol: pages of 1,000 at most, one after the other. `account` is NAME=KEY, or undefined for a service that asks for none. */
export function openAzure(address: string, table: string, partition: string, account: string | undefined, options: ReaderOptions): Reader {
  const base = new URL(address);
  const [name, key] = accountOf(account);
  const { get, close } = openConnection(base, options);
  const take = async (n: number): Promise<number> => {
    let bytes = 0;
    let next: Readonly<Record<string, string>> = {};
    for (let left = n; left > 0; left -= pageMax) {
      const target = new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}/${encodeURIComponent(table)}()${base.search}`);
      target.searchParams.set('$filter', `PartitionKey eq '${partition.replaceAll("'", "''")}'`);
      target.searchParams.set('$top', String(Math.min(left, pageMax)));
      for (const [field, value] of Object.entries(next)) target.searchParams.set(field, value);
      const got = await get(target, {
        Accept: 'application/json;odata=minimalmetadata',
        'x-ms-version': '2019-02-02',
        ...signed(target, name, key),
      });
      bytes += got.bytes;
      const [nextPartition, nextRow] = ['partition', 'row'].map((field) => got.headers[`x-ms-continuation-next${field}key`]);
      if (nextPartition === undefined) break;
      next = { NextPartitionKey: String(nextPartition), ...(nextRow === undefined ? {} : { NextRowKey: String(nextRow) }) };
    }
    return bytes;
  };
  return { take, close };
}

function accountOf(account: string | undefined): [string, Buffer | undefined] {
  if (account === undefined) return ['', undefined];
  const cut = account.indexOf('=');
  if (cut < 1) throw new Usage('WEIR_AZURE_ACCOUNT is no account (expected NAME=KEY)');
  return [account.slice(0, cut), Buffer.from(account.slice(cut + 1), 'base64')];
}

function signed(target: URL, name: string, key: Buffer | undefined): Record<string, string> {
  if (key === undefined) return {};
  const date = new Date().toUTCString();
  const signature = createHmac('sha256', key).update(`${date}\n/${name}${target.pathname}`).digest('base64');
  return { 'x-ms-date': date, Authorization: `SharedKeyLite ${name}:${signature}` };
}
