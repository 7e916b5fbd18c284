export { type OpenTrail, describeOnEveryTrail, openDocumentsTrail } from './every-trail.js';
export { type OpenRecording, documentsTrailOn, recordedActions, recordingOn } from './documents-on.js';
export { type TrailOptions, checkOn, trailOn } from './trail-on.js';
