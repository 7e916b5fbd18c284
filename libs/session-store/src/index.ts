export { SessionLetters } from './session-letters.js';
export { type KeptNote, type SessionNote, SessionRecords } from './session-records.js';
export { SessionStoreModule } from './session-store.module.js';
