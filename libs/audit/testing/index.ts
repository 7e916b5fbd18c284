export { type TrailOptions, checkOn, trailOn } from './trail-on.js';
