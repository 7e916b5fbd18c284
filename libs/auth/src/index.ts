export { AuthAdapter, type AuthBlock, type CheckedBlock, type StrategyDescription } from './auth-adapter.js';
export type { AuthStrategy, PatchedRequest, RequestPatch } from './auth-strategy.js';
export type { AnswerSign, CredentialUse } from './credential-use.js';
export { PrincipalMissingError, UnknownStrategyError } from './auth.errors.js';
export { AuthModule } from './auth.module.js';
export { type TokenKeyParts, tokenKeyFor } from './token-key-of.js';
export { headerName, headerText } from './wire-text.js';
