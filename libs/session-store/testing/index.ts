export { type OpenSessionStore, openSessionStore } from './open-session-store.js';
export { type OpenSessionRecordStore, describeSessionRecordStore } from './session-record-store.contract.js';
