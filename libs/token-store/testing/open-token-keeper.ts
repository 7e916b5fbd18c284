import { Clock } from '#kernel';
import { TokenKeeper } from '../src/token-keeper.js';

/** A keeper in memory, for the specs of strategies. */
export function openTokenKeeper(clock: Clock = new Clock()): TokenKeeper {
  return new TokenKeeper(clock);
}
