export {
  AuthAdapter,
  type AuthBlock,
  type CheckedBlock,
  type PresentUse,
  type StrategyDescription,
  type WithdrawOptions,
} from './auth-adapter.js';
export type { AuthStrategy, PatchedRequest, RefusedPatch, RequestPatch } from './auth-strategy.js';
export type { AnswerSign, CredentialUse } from './credential-use.js';
export {
  ConsentRefusedError,
  ConsentRequiredError,
  IssuerUntrustedError,
  PrincipalMissingError,
  UnknownStrategyError,
  WiderConsentRequiredError,
} from './auth.errors.js';
export { AuthModule } from './auth.module.js';
export { type MemberClientConfig, memberClientConfig } from './member-client.config.js';
export type { CredentialStanding, CredentialState } from '#token-store';
export type { WithdrawnCredential } from './token-revocation.js';
export { wantsNonce } from './nonce-wanted.js';
export { headerName, headerText } from './wire-text.js';
export { type ConnectableMember, ConnectableMembers, type ConnectableWish } from './consent/connectable-members.js';
export { mayConnectForAll } from './consent/connections.js';
export { ConnectLinks } from './consent/connect-links.js';
export type { ConsentAnswer, ConsentBegin, ConsentBegun, ConsentFlow, ConsentTerms } from './consent/consent-flow.js';
export { ConsentListener } from './consent/consent.listener.js';
export { ConsentModule, type ConsentOptions } from './consent/consent.module.js';
export { type Visitor, Visitors } from './consent/visitors.js';
