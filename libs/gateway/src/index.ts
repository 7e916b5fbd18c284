export { type GatewayConfig, gatewayConfig } from './gateway.config.js';
export { GatewayModule, type GatewayOptions } from './gateway.module.js';
export { McpEndpoint } from './mcp-endpoint/mcp-endpoint.js';
export { SessionSeal } from './sessions/session-seal.js';
