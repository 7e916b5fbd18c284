export type { CredentialState } from '#auth';
export { BuilderModule } from './builder.module.js';
export { type ClientAnswer, type MemberQuestion, questionIn } from './asked-client.js';
export { type LogLevel, isLogLevel, isUrgentFor } from './log-level.js';
export { CLIENT_FLAGS, type ClientFacts, type ClientFlag, flagsIn, modernFacts } from './client-facts.js';
export { type Edit, applyEdits, insertMembers } from './json-rpc/json-edit.js';
export { type Message, parseMessage } from './json-rpc/json-rpc-message.js';
export { MessageError, type MessageId } from './json-rpc/json-rpc.errors.js';
export { type Span, scanList, scanObject, skipBlank } from './json-rpc/json-scan.js';
export {
  COMPOSER_INFO,
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  LATEST_LEGACY_VERSION,
  LEGACY_VERSIONS,
  META_CAPABILITIES,
  META_LOG_LEVEL,
  META_SERVER_INFO,
  META_SUBSCRIPTION,
  META_VERSION,
  MISSING_CAPABILITY,
  METHOD_NOT_FOUND,
  MODERN_VERSION,
  NAMED_BY,
  RESOURCE_NOT_FOUND,
  UNSUPPORTED_VERSION,
  decodeHeader,
  encodeHeader,
} from './mcp/mcp-protocol.js';
export { type MirroredParam, mirroredIn, mirroringHeaders, mismatchIn } from './mcp/mirrored-params.js';
export { MISSING_TASKS, TASKS_EXTENSION, extensionsIn } from './mcp/extensions.js';
export type { ToolDesk, ToolFacts } from './layered/tool-desk.js';
export { failureText } from './failure-text.js';
export { withoutParams } from './json-rpc/message-without.js';
export type {
  Era,
  ForwardedMethod,
  Member,
  MemberCaller,
  MemberOutcome,
  MemberReply,
  MemberRequest,
  MemberTask,
  NeededConsent,
  RunningCall,
  TaskMethod,
  TaskWatcher,
} from './member.js';
export {
  type CacheHint,
  LIST_KINDS,
  type ListKind,
  type MemberOffer,
  type Offered,
  offersNothing,
} from './member-offer.js';
export type { MemberPreview, PreviewedOperation } from './member-preview.js';
export { MemberPreviews } from './member-previews.js';
export { MemberPool } from './member-pool.js';
export { MemberSlot } from './member-slot.js';
export { LineReader } from './stdio/line-reader.js';
export { EventStreamReader } from './wire/event-stream-reader.js';
