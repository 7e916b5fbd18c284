export { costRatio } from './cost-ratio.js';
