/**
 * What every listener takes in, rejects by cause and loses: plain counters that the status page, `/metrics` and the admin interface read.
 * Nothing is dropped in silence: whoever rejects calls `reject` with a cause, and the newest reasons are kept, bounded, for a person to see.
 */

/** Counters of one listener since the start. */
export class Account {
  readonly name: string;
  datagrams = 0;
  lines = 0;
  accepted = 0;
  bytes = 0;
  connections = 0;
  connectionsNow = 0;
  connectionsRefused = 0;
  /** When something was taken last, epoch seconds; 0: never. */
  lastSeconds = 0;
  /** Datagrams that the kernel dropped since the full receive buffer had no room. */
  kernelDrops = 0;
  readonly rejected = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  reject(cause: string, count = 1): void {
    this.rejected.set(cause, (this.rejected.get(cause) ?? 0) + count);
  }

  get rejectedTotal(): number {
    let total = 0;
    for (const count of this.rejected.values()) total += count;
    return total;
  }
}

/** A reason of a reject or a failure, as a person reads it. */
export interface Notice {
  readonly atMs: number;
  readonly listener: string;
  readonly text: string;
}

const noticesMax = 50;

export class Ledger {
  readonly accounts = new Map<string, Account>();
  readonly notices: Notice[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  account(name: string): Account {
    const known = this.accounts.get(name);
    if (known !== undefined) return known;
    const account = new Account(name);
    this.accounts.set(name, account);
    return account;
  }

  /** Keeps a line for a person; the oldest goes when there are too many. Control characters are shown as dots. */
  notice(listener: string, text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what came off a socket is shown on a page
    this.notices.push({ atMs: this.#now(), listener, text: text.slice(0, 200).replace(/[\u0000-\u001f\u007f]/g, '.') });
    if (this.notices.length > noticesMax) this.notices.shift();
  }

  /** A reject with its cause and the line as it stood. Only every so often is the line kept, so that a flood costs little. */
  reject(account: Account, cause: string, bytes: Uint8Array, start: number, end: number): void {
    account.reject(cause);
    const total = account.rejected.get(cause) ?? 0;
    if (total <= 5 || (total & (total - 1)) === 0) {
      const line = Buffer.from(bytes.subarray(start, Math.min(end, start + 120))).toString('utf8');
      this.notice(account.name, `${cause}: ${line}`);
    }
  }
}
