export { principalOf } from './principal-of.js';
