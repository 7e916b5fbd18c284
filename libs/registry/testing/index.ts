export { type OpenStores, describeServerStores } from './server-stores.contract.js';
