import type { AuthAdapter } from '../src/auth-adapter.js';
import type { AuthStrategy } from '../src/auth-strategy.js';
import { ConnectLinks } from '../src/consent/connect-links.js';
import { StrategyAuthAdapter, indexByName } from '../src/strategy.auth-adapter.js';
import { BearerStrategy } from '../src/strategies/bearer.strategy.js';
import { DynamicBearerStrategy } from '../src/strategies/dynamic-bearer/dynamic-bearer.strategy.js';
import { NoneStrategy } from '../src/strategies/none.strategy.js';
import { Oauth2Strategy } from '../src/strategies/oauth2/oauth2.strategy.js';
import { oauth2Parts } from './oauth2-parts.js';
import type { StrategyParts } from './strategy-parts.js';

/** The door to some strategies, those with tokens among them, whose issuer is on loopback. */
export function authAdapterOn(parts: StrategyParts): AuthAdapter {
  const { keeper, http, keys } = parts;
  const { finder, tokens, revocation, listen } = oauth2Parts(parts);
  const strategies: object[] = [
    new NoneStrategy(),
    new BearerStrategy(),
    new DynamicBearerStrategy(keeper, http, keys),
    new Oauth2Strategy(keeper, finder, tokens, new ConnectLinks(listen), parts.wishes),
  ];
  return new StrategyAuthAdapter(indexByName(strategies as AuthStrategy[]), keeper, revocation);
}
