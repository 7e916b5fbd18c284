export { type MemoryRegistry, openMemoryRegistry } from './memory-registry.js';
export { type OpenStores, describeServerStores } from './server-stores.contract.js';
