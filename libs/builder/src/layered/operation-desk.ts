import { type JsonObject, isObject } from '#kernel';
import type { OpenApiOperation, OperationParameter } from '../openapi/index.js';
import type { ToolDesk, ToolFacts } from './tool-desk.js';

/** The desk of an OpenAPI member. */
export class OperationDesk implements ToolDesk {
  private readonly byName: ReadonlyMap<string, OpenApiOperation>;

  constructor(operations: readonly OpenApiOperation[]) {
    this.byName = new Map(operations.map((operation) => [operation.name, operation]));
  }

  factsOf(own: string): ToolFacts {
    const { name, facts, description, method, path } = this.byName.get(own)!;
    const { operationId = name, summary = '', tags = [] } = facts ?? {};
    return { name: operationId, summary, description, tags, http_method: method, path, operationId };
  }

  detailOf(own: string): object {
    const operation = this.byName.get(own)!;
    const { name, summary, tags, ...facts } = this.factsOf(own);
    const { $defs } = operation.inputSchema;
    return {
      service: name,
      operationId: facts.operationId,
      summary,
      description: facts.description,
      http_method: facts.http_method,
      path: facts.path,
      parameters: operation.parameters.map((parameter) => parameterOf(operation, parameter)),
      requestBody: bodyOf(operation),
      responses: responsesOf(operation),
      tags,
      ...($defs === undefined ? {} : { $defs }),
    };
  }
}

function parameterOf(operation: OpenApiOperation, { argument, name, in: place, required }: OperationParameter): object {
  const schema = propertyOf(operation, argument);
  const { type = 'unknown', description = '', ...more } = schema;
  const examples = Array.isArray(more['examples']) ? (more['examples'] as unknown[]) : [];
  const example = examples[0] ?? more['example'] ?? more['default'] ?? null;
  return { name, in: place, required, type, description, example, schema };
}

/** The schema of what `request.body` takes; empty for an operation without a body. */
function bodyOf(operation: OpenApiOperation): JsonObject {
  const { body, inputSchema } = operation;
  if (!body) return {};
  const description = `Sent as ${body.contentType}`;
  if (!body.properties) return { description, ...propertyOf(operation, body.argument!) };
  const listed = Array.isArray(inputSchema['required']) ? inputSchema['required'] : [];
  const required = body.properties.filter(({ argument }) => listed.includes(argument)).map(({ name }) => name);
  return {
    description,
    type: 'object',
    properties: Object.fromEntries(
      body.properties.map(({ name, argument }) => [name, propertyOf(operation, argument)]),
    ),
    ...(required.length > 0 ? { required } : {}),
    ...(body.additional ? {} : { additionalProperties: false }),
  };
}

/** Of a successful answer, where the document says it; the description tells of the others. */
function responsesOf(operation: OpenApiOperation): object {
  const { outputSchema } = operation as { readonly outputSchema?: JsonObject };
  return outputSchema ?? {};
}

function propertyOf({ inputSchema }: OpenApiOperation, argument: string): JsonObject {
  const { properties } = inputSchema;
  const schema = isObject(properties) && Object.hasOwn(properties, argument) ? properties[argument] : undefined;
  return isObject(schema) ? schema : {};
}
