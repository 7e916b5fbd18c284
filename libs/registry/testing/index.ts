export { type MemoryRegistry, openMemoryRegistry } from './memory-registry.js';
export { type OpenStores, describeServerStores } from './server-stores.contract.js';
export { type OpenVirtualServerStore, describeVirtualServerStore } from './virtual-server-store.contract.js';
