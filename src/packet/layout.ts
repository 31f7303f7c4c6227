/**
 * The byte layouts that the room's files share.
 *
 * A record is a flow that passed the gates, 80 bytes, little-endian but for the addresses:
 *
 *      0 u32 firstSeconds | 4 u32 firstNanos | 8 u32 lastSeconds | 12 u32 lastNanos
 *     16 f64 number       record number in the input
 *     24 u32 packets | 28 u8 family | 29 u8 proto | 30 u8 flags | 31 u8 tos
 *     32 f64 bytes        layer 3
 *     40 u16 sport | 42 u16 dport | 44 u32 side    0 forward, 1 the reverse of a biflow
 *     48 16 bytes src | 64 16 bytes dst            IPv4 mapped
 */

export const recordBytes = 80;
export const recordAt = {
  firstSeconds: 0,
  firstNanos: 4,
  lastSeconds: 8,
  lastNanos: 12,
  number: 16,
  packets: 24,
  family: 28,
  proto: 29,
  flags: 30,
  tos: 31,
  bytes: 32,
  sport: 40,
  dport: 42,
  side: 44,
  src: 48,
  dst: 64,
} as const;

/** Bytes a flow of the scheduler's clock with its shadow, of the frame state, and of the rare long template's tail (see the kernels): whole cache lines. */
export const clockBytes = 64;
export const frameBytes = 128;
export const tailBytes = 32;
/** A frame state and its tail together, as a template is written. */
export const stateBytes = frameBytes + tailBytes;

/** Kinds of transport that the frame kernel knows. */
export const kinds = { other: 0, tcp: 1, udp: 2, icmp: 3, echo: 4, neighbour: 5, igmp: 6, esp: 7, hopByHop: 8 } as const;

/** Spacing kinds of the scheduler's kernel. */
export const spacings = { even: 0, ends: 1, poisson: 2 } as const;
export type Spacing = keyof typeof spacings;

/** Output formats of the frame kernel. */
export const outputs = { pcap: 0, pcapNano: 1, pcapng: 2, pcapngNano: 3, schedule: 4 } as const;
