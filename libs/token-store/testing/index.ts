export { openTokenKeeper } from './open-token-keeper.js';
export { type OpenConsents, describePendingConsentStore } from './pending-consent-store.contract.js';
