export { type PendingConsent, PendingConsents } from './consents/pending-consents.js';
export { type CurrentOptions, type Renew, type TakenCredential, TokenKeeper } from './token-keeper.js';
export type { CredentialStanding, CredentialState, LiveToken, TokenKey, TokenSet } from './token-key.js';
export {
  ClientRefusedError,
  CredentialHeldError,
  GrantRefusedError,
  IssuerUnavailableError,
  TooManyConsentsError,
} from './token-store.errors.js';
export { TokenStoreModule } from './token-store.module.js';
