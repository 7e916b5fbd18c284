import type { JsonObject } from '#kernel';

/** A document that has been read and bounded, but not yet understood: schemas and references are as written. */
export interface OpenApiDocument {
  /** How its schemas are to be read. Swagger 2.0 has become 3.0; 3.2 is read as 3.1, its common part. */
  readonly version: '3.0' | '3.1';
  readonly title: string;
  /** The whole document. Nested no deeper than `DOCUMENT_LIMITS.maxDepth`; `#/…` references point into it. */
  readonly root: JsonObject;
  /** Keys from the root to members that stand more than once in their map, in JSON those of the first three levels. */
  readonly repeated?: readonly (readonly string[])[];
}

/**
 * What a document may be at most. Real ones nest about 40 deep and have 300,000 values at 5 MiB, and those of
 * the largest services have 13 MiB when they are indented. YAML takes some hundred times as long to read as JSON, and
 * ten times as much memory: Kubernetes' document, 5 MiB and 500,000 parts, takes more than 128 MiB of a thread's 192.
 */
export const DOCUMENT_LIMITS = {
  maxBytes: 16 * 1024 * 1024,
  maxYamlBytes: 8 * 1024 * 1024,
  maxLexemes: 800_000,
  maxDepth: 128,
  maxNodes: 1_000_000,
};
