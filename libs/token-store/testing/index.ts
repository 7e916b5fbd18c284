export { openTokenKeeper } from './open-token-keeper.js';
