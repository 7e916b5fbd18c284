import type { JsonObject } from '#kernel';

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS' | 'HEAD' | 'PATCH';
export type ParameterLocation = 'path' | 'query' | 'header' | 'cookie';

/** How lists and objects are written (OpenAPI 3.1.1, 4.8.12.6). */
export type ParameterStyle = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';

/** What the input schema of one tool may be at most; larger ones are simplified, or their operation skipped. */
export const INPUT_LIMITS = { maxBytes: 128 * 1024, maxDepth: 32, maxArguments: 1_000 };

/** Where one argument of a call goes. */
export interface OperationParameter {
  /** Name among the tool's arguments. Differs from `name` if several places want the same. */
  readonly argument: string;
  readonly name: string;
  readonly in: ParameterLocation;
  readonly required: boolean;
  readonly style: ParameterStyle;
  readonly explode: boolean;
  /** Query only: leave what separates nothing in a query unencoded. */
  readonly allowReserved?: true;
  /** The value is sent as JSON text, whatever the style. */
  readonly json?: true;
}

/** A property of the body that is an argument of its own. */
export interface BodyProperty {
  readonly argument: string;
  readonly name: string;
  /** Forms only, where the document says so; otherwise lists repeat the name and objects are JSON. */
  readonly style?: ParameterStyle;
  readonly explode?: boolean;
  /** Forms of several parts only: the value is a file, or each element of a list is one. */
  readonly file?: true;
  /** Forms of several parts only: what the document says that the part is. */
  readonly contentType?: string;
}

export interface OperationBody {
  /** A range such as `image/*` where the caller says which one it is. */
  readonly contentType: string;
  /** `binary`: the one argument is a file. */
  readonly kind: 'json' | 'form' | 'multipart' | 'text' | 'binary';
  /** Whether a body is sent even when none of its arguments is given. */
  readonly required: boolean;
  /** The arguments that are put together to the body; absent if `argument` is the whole body. */
  readonly properties?: readonly BodyProperty[];
  readonly argument?: string;
  /** Whether arguments that the tool does not know are properties of the body. */
  readonly additional: boolean;
}

/** The hints of a tool (MCP `ToolAnnotations`), taken from the HTTP method's meaning (RFC 9110, 9.2). */
export interface OperationAnnotations {
  readonly title?: string;
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** What a layered member tells of an operation to those who look for one. */
export interface OperationFacts {
  readonly operationId: string;
  /** Empty where the document has none. */
  readonly summary: string;
  readonly tags: readonly string[];
}

/**
 * Everything that is needed to offer an operation as a tool and to call it, without the document it came from.
 * Plain JSON: it is stored with the member and loaded at the next start.
 */
export interface OpenApiOperation {
  /** Unique within the member. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema 2020-12, `type: object`, at most `INPUT_LIMITS.maxBytes`. */
  readonly inputSchema: JsonObject;
  /** JSON Schema 2020-12 that every `structuredContent` of a result conforms to; absent where nothing is promised. */
  readonly outputSchema?: JsonObject;
  /** The media type of the answer where the answer itself names none. */
  readonly answerType?: string;
  readonly annotations: OperationAnnotations;
  readonly method: HttpMethod;
  /** Path template, relative to the member's endpoint. */
  readonly path: string;
  /** In place of the path of the endpoint, at the endpoint's origin. */
  readonly basePath?: string;
  /** What every call has in its query, encoded. */
  readonly query?: string;
  readonly parameters: readonly OperationParameter[];
  readonly body?: OperationBody;
  /** Of layered members alone. */
  readonly facts?: OperationFacts;
}

/** An operation that is read instead of called: `open_api.custom_routes` makes it a resource. Plain JSON as well. */
export interface OpenApiResource {
  /** What comes after the id of the server in its URI: `/name`, or a template of it (RFC 6570) if `isTemplate`. */
  readonly path: string;
  readonly isTemplate: boolean;
  /** The variables of the template, in its order. */
  readonly variables: readonly ResourceVariable[];
  readonly mimeType?: string;
  readonly operation: OpenApiOperation;
}

/** A variable of the URI of a resource, and the argument that it gives. */
export interface ResourceVariable {
  readonly name: string;
  readonly argument: string;
  readonly in: 'path' | 'query';
  /** Whether it gives a list. */
  readonly isList?: true;
}
