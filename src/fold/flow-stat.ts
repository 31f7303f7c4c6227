/**
 * The figures of a set of flows: flows, packets and bytes in all and by protocol, the first and last time, and averages over that time.
 * The protocols are split as nfdump -I splits them: TCP, UDP, ICMP and all others (ICMPv6 with these or those depends on nfdump's collector; here
 * it counts as ICMP). Sums are exact; both sides of a biflow count, and a record of several flows counts as many.
 */

import type { FlowBatch } from '../base/flow-batch.js';

const protocolClasses = ['tcp', 'udp', 'icmp', 'other'] as const;

/** What one share of the flows folds to, to be added to another. */
export interface FoldedStat {
  readonly flows: readonly number[];
  readonly packets: readonly bigint[];
  readonly bytes: readonly bigint[];
  /** Seconds and nanoseconds of the first begin and the last end. */
  readonly span: readonly [firstSeconds: number, firstNanos: number, lastSeconds: number, lastNanos: number];
}

export class FlowStat {
  readonly flows = [0, 0, 0, 0];
  readonly packets = [0n, 0n, 0n, 0n];
  readonly bytes = [0n, 0n, 0n, 0n];
  #firstSeconds = Number.POSITIVE_INFINITY;
  #firstNanos = 0;
  #lastSeconds = -1;
  #lastNanos = 0;

  fold(batch: FlowBatch): void {
    const [flows, packets, bytes] = [new Float64Array(4), new Float64Array(4), new Float64Array(4)];
    for (let row = 0; row < batch.count; row++) {
      const proto = batch.proto[row]!;
      const at = proto === 6 ? 0 : proto === 17 ? 1 : proto === 1 || proto === 58 ? 2 : 3;
      flows[at]! += Math.max(batch.flowCount?.[row] ?? 1, 1);
      packets[at]! += batch.packets[row]! + (batch.packetsRev?.[row] ?? 0);
      bytes[at]! += batch.bytes[row]! + (batch.bytesRev?.[row] ?? 0);
      if (packets[at]! > 2 ** 52 || bytes[at]! > 2 ** 52) this.#carry(flows, packets, bytes);
      this.#span(batch.firstSeconds[row]!, batch.firstNanos[row]!, batch.lastSeconds[row]!, batch.lastNanos[row]!);
    }
    this.#carry(flows, packets, bytes);
  }

  #carry(flows: Float64Array, packets: Float64Array, bytes: Float64Array): void {
    for (let at = 0; at < 4; at++) {
      this.flows[at]! += flows[at]!;
      this.packets[at]! += BigInt(packets[at]!);
      this.bytes[at]! += BigInt(bytes[at]!);
      flows[at] = packets[at] = bytes[at] = 0;
    }
  }

  #span(first: number, firstNanos: number, last: number, lastNanos: number): void {
    if (first < this.#firstSeconds || (first === this.#firstSeconds && firstNanos < this.#firstNanos)) {
      this.#firstSeconds = first;
      this.#firstNanos = firstNanos;
    }
    if (last > this.#lastSeconds || (last === this.#lastSeconds && lastNanos > this.#lastNanos)) {
      this.#lastSeconds = last;
      this.#lastNanos = lastNanos;
    }
  }

  /** What was folded, as it can be handed to another thread. */
  folded(): FoldedStat {
    const span = [this.#firstSeconds, this.#firstNanos, this.#lastSeconds, this.#lastNanos] as const;
    return { flows: this.flows, packets: this.packets, bytes: this.bytes, span };
  }

  /** Adds what another share folded to. */
  absorb({ flows, packets, bytes, span }: FoldedStat): void {
    for (let at = 0; at < protocolClasses.length; at++) {
      this.flows[at]! += flows[at] ?? 0;
      this.packets[at]! += packets[at] ?? 0n;
      this.bytes[at]! += bytes[at] ?? 0n;
    }
    this.#span(...span);
  }

  /** Names and figures in the order in which nfdump -I says them, then the averages of its summary. */
  figures(): Record<string, number> {
    const said: Record<string, number> = {};
    const add = (name: string, values: readonly (number | bigint)[]): void => {
      said[name] = values.reduce<number>((sum, value) => sum + Number(value), 0);
      for (const [at, kind] of protocolClasses.entries()) said[`${name}_${kind}`] = Number(values[at]);
    };
    add('flows', this.flows);
    add('packets', this.packets);
    add('bytes', this.bytes);
    const hasFlows = this.#lastSeconds >= 0;
    said['first'] = hasFlows ? this.#firstSeconds : 0;
    said['last'] = hasFlows ? this.#lastSeconds : 0;
    said['msec_first'] = Math.floor(this.#firstNanos / 1e6);
    said['msec_last'] = Math.floor(this.#lastNanos / 1e6);
    const durationMs = (said['last'] - said['first']) * 1000 + said['msec_last'] - said['msec_first'];
    const [packets, bytes] = [said['packets'] ?? 0, said['bytes'] ?? 0];
    said['avg_bps'] = durationMs > 0 ? Math.floor((8 * bytes) / (durationMs / 1000)) : 0;
    said['avg_pps'] = durationMs > 0 ? Math.floor(packets / (durationMs / 1000)) : 0;
    said['avg_bpp'] = packets > 0 ? Math.floor(bytes / packets) : 0;
    return said;
  }
}
