export { CatalogStore, type StoredCatalog } from './catalog.store.js';
export { CredentialSweep } from './credential-sweep.js';
export { CONFIG_DOCUMENTATION } from './http/server-config-documentation.js';
export { type Answer, leftText, withdrawnBody } from './http/withdrawn-body.js';
export { type LocalPrompt, promptFile } from './local/local-prompt.schema.js';
export { type LocalTool, isToolHeader } from './local/local-tool.schema.js';
export { type Piece, argumentsIn, isArgumentName, piecesOf } from './local/place-holders.js';
export { ServerConfigFile } from './config-file/server-config-file.js';
export { KeyedQueue } from './keyed-queue.js';
export type { Admission, Candidate, MemberGate } from './member-gate.js';
export {
  DuplicateServerError,
  InvalidServerConfigError,
  MemberProbeError,
  ServerConflictError,
  UnknownServerError,
} from './registry.errors.js';
export { type RegistryConfig, registryConfig } from './registry.config.js';
export { RegistryModule } from './registry.module.js';
export { FACADE_TOOLS, type FacadeTool } from './facade-tools.js';
export {
  type Facade,
  type GraphqlServerConfig,
  type HttpServerConfig,
  type LocalServerConfig,
  type OpenApiServerConfig,
  SERVER_TYPES,
  type ServerConfig,
  type SseServerConfig,
  type StdioServerConfig,
  endpointOf,
  facadeOf,
  serverConfigSchema,
} from './server-config.schema.js';
export { type Considered, ServerCandidates } from './server-candidates.js';
export { ServerChanges } from './server-changes.js';
export type { OpenedServer } from './server-opener.js';
export { type ChangeOptions, type ServerChange, ServerRegistry } from './server-registry.js';
export type { ServerView } from './server-view.js';
export { type StdioCommand, stdioCommandOf } from './stdio/stdio-command.js';
export { type StdioConfig, stdioConfig } from './stdio/stdio.config.js';
export { StdioRefusedError } from './stdio/stdio.errors.js';
export type { NamingGate } from './virtual-servers/naming-gate.js';
export { VirtualServerDirectory, type VirtualServersOfTenant } from './virtual-servers/virtual-server-directory.js';
export { type VirtualServer, virtualServerSchema } from './virtual-servers/virtual-server.schema.js';
export { UnknownVirtualServerError } from './virtual-servers/virtual-servers.errors.js';
export { VirtualServers } from './virtual-servers/virtual-servers.js';
