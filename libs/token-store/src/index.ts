export { type PendingConsent, PendingConsents } from './consents/pending-consents.js';
export { type ScopeWish, ScopeWishes } from './consents/scope-wishes.js';
export type { TakenCredential } from './credential-administration.js';
export { Fingerprints } from './fingerprints.js';
export { type CurrentOptions, type Renew, TokenKeeper } from './token-keeper.js';
export type { CredentialStanding, CredentialState, LiveToken, TokenKey, TokenSet } from './token-key.js';
export {
  ClientRefusedError,
  CredentialHeldError,
  GrantRefusedError,
  IssuerUnavailableError,
  TooManyConsentsError,
} from './token-store.errors.js';
export { type TokenStoreConfig, tokenStoreConfig } from './token-store.config.js';
export { type Revoker, UnwantedTokens } from './unwanted-tokens.js';
export type { StandingsWish, Which } from './token-store.js';
export { TokenStoreModule } from './token-store.module.js';
