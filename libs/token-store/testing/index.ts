export { type KeeperParts, type OpenKeeper, keeperOn } from './keeper-on.js';
export { openFingerprints } from './open-fingerprints.js';
export { openMemoryKeeper, openTokenKeeper } from './open-token-keeper.js';
export { openScopeWishes } from './open-scope-wishes.js';
export { openPendingConsents } from './open-pending-consents.js';
export { type OpenConsents, describePendingConsentStore } from './pending-consent-store.contract.js';
export { type OpenTokenStore, describeTokenStore } from './token-store.contract.js';
export { StrictIssuer } from './strict-issuer.js';
