export { trailOn } from './trail-on.js';
