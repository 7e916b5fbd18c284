export { AuditBatches } from './audit-batches.js';
export { AuditCheck, type AuditCheckOptions, type AuditVerdict } from './audit-check.js';
export { type AuditAnchor, type AuditEvent, type AuditOutcome, type AuditRecord } from './audit-event.js';
export { AuditExport } from './audit-export.js';
export { type AuditFault, type AuditFaultKind } from './audit-fault.js';
export { type AuditMode, AuditModes } from './audit-modes.js';
export { AuditTrail } from './audit-trail.js';
export { AuditBacklogError, AuditDelayedError } from './audit.errors.js';
export { AuditModule } from './audit.module.js';
