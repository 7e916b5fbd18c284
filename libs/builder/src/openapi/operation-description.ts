import { isObject } from '#kernel';
import type { DeclaredBody } from './declared-body.js';
import type { CompiledInput } from './input-schema.js';
import { entriesOf, memberOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { cut, plainText } from './plain-text.js';
import { dereference } from './reference.js';
import type { SchemaBudget } from './schema-budget.js';

const MAX_BYTES = 4 * 1024;
/** Room that the sections after the operation's own words have for sure. */
const MAX_OWN_BYTES = 3 * 1024;
const MAX_LINE_BYTES = 160;
const MAX_RESPONSES = 8;
const MAX_FIELDS = 20;

/**
 * What a tool says about itself: the operation's description, else its summary, else `Executes METHOD path`; then
 * where its arguments go and what it answers, a line each.
 *
 * @returns at most 4 KiB of UTF-8, free of hidden characters
 */
export function describeOperation(
  document: OpenApiDocument,
  operation: unknown,
  about: {
    method: string;
    path: string;
    input: CompiledInput;
    body: DeclaredBody | undefined;
    budget: SchemaBudget;
  },
): string {
  const said = [textOf(operation, 'description'), textOf(operation, 'summary')]
    .map((text) => plainText(text ?? '', MAX_OWN_BYTES))
    .find((text) => text !== '');
  const sections = [
    said ?? plainText(`Executes ${about.method} ${about.path}`, MAX_OWN_BYTES),
    memberOf(operation, 'deprecated') === true ? 'Deprecated.' : '',
    about.input.isSimplified ? 'The schema of the arguments was too large and is shown simplified.' : '',
    argumentLines(about.input, about.body),
    responseLines(document, operation, about.budget),
  ];
  return cut(sections.filter((section) => section !== '').join('\n\n'), MAX_BYTES);
}

function argumentLines({ parameters, body }: CompiledInput, declared: DeclaredBody | undefined): string {
  const lines = ['path', 'query', 'header', 'cookie'].map((location) => {
    const names = parameters.filter((parameter) => parameter.in === location).map(label);
    return names.length > 0 ? line(`${location}: ${names.join(', ')}`) : '';
  });
  if (body) {
    const names = body.properties?.map(({ argument }) => argument) ?? [body.argument];
    const purpose = declared?.description ? ` (${plainText(declared.description, MAX_LINE_BYTES)})` : '';
    lines.push(line(`body: ${names.join(', ')}${purpose}`));
  }
  const filled = lines.filter((text) => text !== '');
  return filled.length > 0 ? ['Arguments:', ...filled].join('\n') : '';
}

const label = ({ argument, required }: { argument: string; required: boolean }): string =>
  required ? `${argument} (required)` : argument;

function responseLines(document: OpenApiDocument, operation: unknown, budget: SchemaBudget): string {
  const responses = entriesOf(operation, 'responses').slice(0, MAX_RESPONSES);
  const success = responses.find(([status]) => status.startsWith('2'))?.[0];
  const lines = responses.map(([status, raw]) => {
    const response = followed(document, raw);
    const fields = status === success ? fieldNames(document, response, budget) : '';
    return line(`${status}: ${textOf(response, 'description') ?? ''}${fields}`);
  });
  return lines.length > 0 ? ['Responses:', ...lines].join('\n') : '';
}

function fieldNames(document: OpenApiDocument, response: unknown, budget: SchemaBudget): string {
  const [media] = entriesOf(response, 'content');
  const schema = followed(document, memberOf(media?.[1], 'schema'));
  const items = followed(document, memberOf(schema, 'items'));
  const isList = isObject(items);
  const names = entriesOf(isList ? items : schema, 'properties').map(([name]) => name);
  budget.spendOnMembers(names.length);
  if (names.length === 0) return '';
  const more = names.length > MAX_FIELDS ? ', …' : '';
  return ` (${isList ? 'list of ' : ''}${names.slice(0, MAX_FIELDS).join(', ')}${more})`;
}

// A response that cannot be looked at costs its line and not the tool.
function followed(document: OpenApiDocument, value: unknown): unknown {
  try {
    return dereference(document, value);
  } catch {
    return undefined;
  }
}

const line = (text: string): string => `- ${plainText(text, MAX_LINE_BYTES * 2).replace(/\s+/g, ' ')}`;
