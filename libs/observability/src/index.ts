export { Log, type LogFields } from './log.js';
export { type ObservabilityConfig, observabilityConfig } from './observability.config.js';
export { ObservabilityModule } from './observability.module.js';
export { SecretValues } from './secret-values.js';
