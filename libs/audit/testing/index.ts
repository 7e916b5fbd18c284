export { type OpenTrail, describeOnEveryTrail, openDocumentsTrail } from './every-trail.js';
export { type OpenRecording, documentsTrailOn, recordedActions, recordingOn } from './documents-on.js';
export { MovedClock } from './moved-clock.js';
export { WatchedDocuments, type WatchedRequest } from './watched-documents.js';
export { type TrailOptions, checkOn, trailOn } from './trail-on.js';
