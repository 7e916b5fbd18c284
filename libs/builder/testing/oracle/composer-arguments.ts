import type { OpenApiOperation } from '../../src/openapi/openapi-operation.js';
import type { PlacedValues } from './request-oracle.js';

/** The arguments of a tool that say what `values` say, by the rule for names: `<name>__<location>` where two want one. */
export function composerArguments(operation: OpenApiOperation, values: PlacedValues): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const { name, in: place, argument } of operation.parameters) {
    if (argument !== name && !argument.startsWith(`${name}__${place}`))
      throw new Error(`"${argument}" is for "${name}"`);
    const value = values[place][name];
    if (value !== undefined) args[argument] = value;
  }
  const { body } = operation;
  if (values.body === undefined || !body) return args;
  if (body.argument !== undefined) {
    const isFile = body.kind === 'binary' && typeof values.body === 'string';
    return { ...args, [body.argument]: isFile ? { text: values.body } : values.body };
  }
  for (const [name, value] of Object.entries(values.body as object)) {
    if (Object.hasOwn(args, name)) throw new Error(`"${name}" is the argument of two places`);
    args[name] = fileOr(value);
  }
  return args;
}

const DATA_URL = /^data:([^;,]+);name=([^;,]*);base64,(.*)$/s;

function fileOr(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fileOr);
  const [, mimeType, filename = '', base64] = (typeof value === 'string' && DATA_URL.exec(value)) || [];
  return base64 === undefined ? value : { base64, mimeType, filename: decodeURIComponent(filename) };
}
