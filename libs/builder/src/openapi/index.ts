export { type OperationResponse, errorText } from './answer-text.js';
export { type OperationRequest, buildRequest } from './build-request.js';
export {
  EXCLUDED,
  type CompileOptions,
  type CompiledOperations,
  type OperationNote,
  type SkippedOperation,
  compileOperations,
} from './compile-operations.js';
export type { DocumentImporter } from './document-importer.js';
export { documentImporter } from './open-importer.js';
export { type ImportedDocument, importDocument } from './import-document.js';
export { DOCUMENT_LIMITS, type OpenApiDocument } from './openapi-document.js';
export {
  type BodyProperty,
  type HttpMethod,
  type OpenApiOperation,
  type OpenApiResource,
  type OperationAnnotations,
  type OperationBody,
  type OperationFacts,
  type OperationParameter,
  type ParameterLocation,
  type ParameterStyle,
  type ResourceVariable,
  INPUT_LIMITS,
} from './openapi-operation.js';
export {
  ImportsBusyError,
  InvalidArgumentsError,
  InvalidDocumentError,
  InvalidRoutesError,
  TooManyOperationsError,
  UnsupportedVersionError,
} from './openapi.errors.js';
export { parseDocument } from './parse-document.js';
export { contentsOf } from './resource-contents.js';
export { type ReadOperation, ResourceUris } from './resource-uris.js';
export type { SecurityHint } from './security-hints.js';
export { type OperationResult, type ToolContent, toToolResult } from './tool-result.js';
