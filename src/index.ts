/**
 * The library's public face: what `import ... from 'weir'` gives. Exported by name, one place.
 */

export { formatAddress, parseAddress } from './base/address.js';
export { Bug, Corrupt, Fault, Malformed, type Place, Refused, Usage } from './base/faults.js';
export { FlowBatch } from './base/flow-batch.js';
export { compileFilter, type Filter } from './collect/filter.js';
export type { Reject } from './collect/format.js';
export { type FlowReading, type OpenOptions, readFlows } from './collect/open.js';
export { type PacketsDone, type PacketsOptions, packets } from './packet/packets.js';
