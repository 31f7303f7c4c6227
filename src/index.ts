/**
 * The library's public face: what `import ... from 'weir'` gives. Exported by name, one place.
 */

export { formatAddress, parseAddress } from './base/address.js';
export { Bug, Corrupt, Fault, Malformed, type Place, Refused, Usage } from './base/faults.js';
export { FlowBatch } from './base/flow-batch.js';
