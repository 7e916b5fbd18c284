// Every export of this file verifies one kind of credential. To add one: write its file, add its line.
export { ApiKeyVerifier } from '../keys/api-key-verifier.js';
export { AccessTokenVerifier } from '../authorization-server/access-token-verifier.js';
export { BrowserSessionVerifier } from '../authorization-server/browser/browser-session-verifier.js';
export { ExternalTokenVerifier } from '../tokens/external-token-verifier.js';
