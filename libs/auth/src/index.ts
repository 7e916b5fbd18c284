export { AuthAdapter, type AuthBlock, type CheckedBlock, type StrategyDescription } from './auth-adapter.js';
export type { AuthStrategy, PatchedRequest, RequestPatch } from './auth-strategy.js';
export type { AnswerSign, CredentialUse } from './credential-use.js';
export {
  ConsentRefusedError,
  ConsentRequiredError,
  IssuerUntrustedError,
  PrincipalMissingError,
  UnknownStrategyError,
} from './auth.errors.js';
export { AuthModule } from './auth.module.js';
export { connectCallback, connectPage } from './connect-address.js';
export { type MemberClientConfig, memberClientConfig } from './member-client.config.js';
export type { ConsentAnswer } from './strategies/oauth2/consent-end.js';
export type { ConsentQuestion, StartedConsent } from './strategies/oauth2/consent-start.js';
export { Oauth2Consent } from './strategies/oauth2/oauth2-consent.js';
export type { WithdrawnCredential } from './token-revocation.js';
export { type TokenKeyParts, tokenKeyFor } from './token-key-of.js';
export { headerName, headerText } from './wire-text.js';
