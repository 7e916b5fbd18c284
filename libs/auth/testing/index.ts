export { authAdapterOn } from './auth-adapter-on.js';
export { type StrategyCase, describeAuthStrategy } from './auth-strategy.contract.js';
export { openAuthAdapter } from './open-auth-adapter.js';
export { type RenewingStrategyCase, describeRenewingStrategy } from './renewing-strategy.contract.js';
export {
  type IssuerAnswer,
  type IssuerRequest,
  SetClock,
  type StrategyParts,
  openStrategyParts,
} from './strategy-parts.js';
export { type Oauth2Parts, type Oauth2PartsOptions, oauth2Parts } from './oauth2-parts.js';
export { type RealIssuer, type RealIssuerOptions, type RecordedTokenRequest, startRealIssuer } from './real-issuer.js';
export { SmallIssuer, type SmallIssuerAnswer } from './small-issuer.js';
