import {
  type GraphQLInputType,
  type GraphQLNamedInputType,
  type GraphQLScalarType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from 'graphql';
import type { Json, JsonObject } from '#kernel';
import { INPUT_LIMITS } from '../openapi/index.js';
import { plainText } from '../openapi/plain-text.js';
import { statedText } from './stated-text.js';

/** One argument of a tool. Without a type, anything may stand there. */
export interface ToolArgument {
  readonly name: string;
  readonly type: GraphQLInputType | undefined;
  readonly isRequired: boolean;
  readonly description?: string | undefined;
  readonly default?: unknown;
  /** Why it should not be used any more. */
  readonly deprecated?: string | undefined;
}

type Schema = Record<string, Json>;

const BUILT_IN: Readonly<Record<string, JsonObject>> = {
  ID: { type: 'string' },
  String: { type: 'string' },
  Int: { type: 'integer' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
};
const MAX_TEXT = 512;
const MAX_DEFAULT = 1_024;
/** Kinds of input objects in one tool. */
const MAX_DEFS = 200;

/**
 * The JSON Schema (2020-12) of arguments: enums by their values, input objects under `$defs`, custom scalars as anything.
 * One that would be beyond `INPUT_LIMITS` names the GraphQL types instead of describing them.
 */
export function argumentSchema(args: readonly ToolArgument[]): JsonObject {
  const full = schemaOf(args, true);
  return Buffer.byteLength(JSON.stringify(full)) <= INPUT_LIMITS.maxBytes ? full : schemaOf(args, false);
}

function schemaOf(args: readonly ToolArgument[], isFull: boolean): JsonObject {
  const defs = new Definitions(isFull);
  const entries = args.map((argument) => [argument.name, defs.ofArgument(argument)] as const);
  const required = args.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  const $defs = defs.all();
  return {
    type: 'object',
    properties: Object.fromEntries(entries),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(Object.keys($defs).length > 0 && { $defs }),
  };
}

class Definitions {
  private readonly defs = new Map<string, JsonObject | undefined>();
  private readonly pending: GraphQLNamedInputType[] = [];

  constructor(private readonly isFull: boolean) {}

  ofArgument({ type, description, deprecated, ...argument }: ToolArgument): JsonObject {
    const schema: Schema = { ...(type ? this.of(type) : {}) };
    const own = schema['description'];
    const texts = [
      typeof own === 'string' ? own : '',
      description ?? '',
      deprecated ? `Deprecated: ${deprecated}` : '',
    ];
    const text = plainText(texts.filter((part) => part !== '').join('\n'), MAX_TEXT);
    if (text) schema['description'] = text;
    if (deprecated !== undefined) schema['deprecated'] = true;
    if (argument.default !== undefined) {
      const json = JSON.stringify(argument.default) as string | undefined;
      if (json !== undefined && json.length <= MAX_DEFAULT) schema['default'] = JSON.parse(json) as Json;
    }
    return schema;
  }

  /** All input objects that were named, and those that they name. */
  all(): JsonObject {
    for (let type = this.pending.shift(); type; type = this.pending.shift())
      this.defs.set(type.name, this.define(type));
    return Object.fromEntries(this.defs) as JsonObject;
  }

  private of(type: GraphQLInputType): JsonObject {
    if (!this.isFull) return { description: `GraphQL type ${String(type)}` };
    if (isNonNullType(type)) return this.of(type.ofType);
    // GraphQL coerces a single value to a list of one; models are told of lists alone.
    if (isListType(type)) return { type: 'array', items: this.of(type.ofType) };
    const named = getNamedType(type);
    if (isEnumType(named)) return { type: 'string', enum: named.getValues().map(({ name }) => name) };
    if (!isInputObjectType(named)) return BUILT_IN[named.name] ?? anything(named);
    if (!this.defs.has(named.name)) {
      if (this.defs.size >= MAX_DEFS) return { description: `GraphQL type ${named.name}` };
      this.defs.set(named.name, undefined);
      this.pending.push(named);
    }
    return { $ref: `#/$defs/${named.name}` };
  }

  private define(type: GraphQLNamedInputType): JsonObject {
    if (!isInputObjectType(type)) return {};
    const fields = Object.values(type.getFields());
    const properties = fields.map((field) => [field.name, this.ofArgument(argumentOf(field))] as const);
    const required = fields.filter(isRequiredInputField).map(({ name }) => name);
    const description = statedText(type.description, MAX_TEXT);
    return {
      type: 'object',
      ...(description && { description }),
      properties: Object.fromEntries(properties),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
      // GraphQL, 3.10.1: exactly one field of it is given.
      ...(type.isOneOf && { minProperties: 1, maxProperties: 1 }),
    };
  }
}

interface Described {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly description?: string | null | undefined;
  readonly defaultValue?: unknown;
  readonly deprecationReason?: string | null | undefined;
}

/** An argument of a field, or a field of an input object, as an argument of a tool. */
export function argumentOf({ name, type, description, defaultValue, deprecationReason }: Described): ToolArgument {
  return {
    name,
    type,
    isRequired: isNonNullType(type) && defaultValue === undefined,
    description: typeof description === 'string' ? description : undefined,
    default: defaultValue,
    deprecated: typeof deprecationReason === 'string' ? deprecationReason : undefined,
  };
}

function anything({ name, description, specifiedByURL }: GraphQLScalarType): JsonObject {
  const said = statedText(description, MAX_TEXT / 2);
  const url = statedText(specifiedByURL, MAX_TEXT / 2);
  const link = url && ` (${url})`;
  return { description: `${name}${link}${said && `: ${said}`}` };
}
