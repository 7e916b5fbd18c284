export { type GatewayConfig, gatewayConfig } from './gateway.config.js';
export { AccessEndedError } from './gateway.errors.js';
export { GatewayModule, type GatewayOptions } from './gateway.module.js';
export { McpEndpoint } from './mcp-endpoint/mcp-endpoint.js';
export type { McpCaller } from './mcp-endpoint/mcp-entrance.js';
export { type AskAccess, OpenExchanges } from './mcp-endpoint/open-exchanges.js';
export { ScopeChallenge } from './mcp-endpoint/scope-challenge.js';
export { CallAdmission, type Ticket, type Turn } from './router/call-admission.js';
export { SessionSeal } from './sessions/session-seal.js';
