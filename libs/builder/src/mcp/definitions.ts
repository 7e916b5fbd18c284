import { isObject } from '#kernel';
import { mirroredIn } from './mirrored-params.js';

/** 2025-11-25, tools, tool names; and the slash, which servers use although it is not among them. */
const TOOL_NAME = /^[A-Za-z0-9_./-]{1,128}$/;
/** The specification says nothing of the names of prompts. */
const PROMPT_NAME = /^\P{Cc}{1,256}$/u;
/** RFC 3986 and RFC 6570 know neither blanks nor control characters. */
const URI = /^[^\s\p{Cc}]{1,4096}$/u;

/**
 * Whether a member's definition is one (2025-11-25, schema, `Tool`), as far as clients check it: most of them refuse the
 * whole list for one definition that is none.
 */
export function isToolDefinition(tool: unknown): boolean {
  if (!isObject(tool) || !matches(tool['name'], TOOL_NAME)) return false;
  const { inputSchema, outputSchema, annotations, execution } = tool;
  return (
    isDescribed(tool) &&
    isSchema(inputSchema) &&
    mirroredIn(inputSchema) !== undefined &&
    (outputSchema === undefined || isSchema(outputSchema)) &&
    [annotations, execution].every((member) => member === undefined || isObject(member))
  );
}

/** The same of a `Prompt`. */
export function isPromptDefinition(prompt: unknown): boolean {
  if (!isObject(prompt) || !matches(prompt['name'], PROMPT_NAME)) return false;
  const { arguments: args } = prompt;
  return isDescribed(prompt) && (args === undefined || (Array.isArray(args) && args.every(isArgument)));
}

/** The same of a `Resource`. */
export function isResourceDefinition(resource: unknown): boolean {
  if (!isObject(resource) || !matches(resource['uri'], URI)) return false;
  const { size } = resource;
  return isContent(resource) && (size === undefined || typeof size === 'number');
}

/** The same of a `ResourceTemplate`. */
export function isTemplateDefinition(template: unknown): boolean {
  return isObject(template) && matches(template['uriTemplate'], URI) && isContent(template);
}

type Definition = Readonly<Record<string, unknown>>;

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

/** What all kinds have in common. */
function isDescribed({ title, description, icons, _meta }: Definition): boolean {
  return (
    [title, description].every(isTextIfAny) &&
    (_meta === undefined || isObject(_meta)) &&
    (icons === undefined || (Array.isArray(icons) && icons.every(isIcon)))
  );
}

function isContent(content: Definition): boolean {
  const { name, mimeType, annotations } = content;
  return (
    typeof name === 'string' &&
    isTextIfAny(mimeType) &&
    isDescribed(content) &&
    (annotations === undefined || (isObject(annotations) && isAnnotation(annotations)))
  );
}

function isAnnotation({ audience, priority, lastModified }: Definition): boolean {
  return (
    (audience === undefined ||
      (Array.isArray(audience) && audience.every((role) => role === 'user' || role === 'assistant'))) &&
    (priority === undefined || (typeof priority === 'number' && priority >= 0 && priority <= 1)) &&
    isTextIfAny(lastModified)
  );
}

function isArgument(argument: unknown): boolean {
  if (!isObject(argument) || typeof argument['name'] !== 'string') return false;
  const { title, description, required } = argument;
  return [title, description].every(isTextIfAny) && (required === undefined || typeof required === 'boolean');
}

function isIcon(icon: unknown): boolean {
  return isObject(icon) && typeof icon['src'] === 'string';
}

function isSchema(schema: unknown): boolean {
  if (!isObject(schema) || schema['type'] !== 'object') return false;
  const { properties, required } = schema;
  return (
    (properties === undefined || isObject(properties)) &&
    (required === undefined || (Array.isArray(required) && required.every((name) => typeof name === 'string')))
  );
}

const isTextIfAny = (value: unknown): boolean => value === undefined || typeof value === 'string';
