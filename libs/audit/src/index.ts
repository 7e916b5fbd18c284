export { type AuditEvent, type AuditOutcome, type AuditRecord } from './audit-event.js';
export { AuditTrail } from './audit-trail.js';
export { AuditModule } from './audit.module.js';
