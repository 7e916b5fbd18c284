import { FACADE_TOOLS, type Facade, type FacadeTool } from '#registry';

export const DEFAULT_LIMIT = 20;
export const MAX_LIMIT = 50;

type Properties = Readonly<Record<string, object>>;

const text = (description: string): object => ({ type: 'string', description });

const DISCOVERY: Properties = {
  service: text('One of the names that are listed: tells of this one alone'),
  query: text('Words to search names and descriptions for'),
  tags: { type: 'array', items: { type: 'string' }, description: 'Only what has one of these tags' },
  limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT, description: 'Matches at most' },
};
const RECORD = { type: 'object', additionalProperties: true };
const REQUEST = {
  type: 'object',
  description: 'The values that get_type_info asks for, by their places',
  properties: { path_params: RECORD, query_params: RECORD, headers: RECORD, cookies: RECORD, body: {} },
  additionalProperties: false,
};

/** What `make_tool_call` takes, for whoever has written something else. */
export const CALL_FORMS: Readonly<Record<Facade['of'], string>> = {
  services:
    '{"service": "…", "request": {"path_params": {…}, "query_params": {…}, "headers": {…}, "cookies": {…}, "body": …}}',
  tools: '{"tool_name": "…", "arguments": {…}}',
};

interface Words {
  readonly description: string;
  readonly properties: Properties;
  readonly required: readonly string[];
}

const SERVICES: Readonly<Record<FacadeTool, Words>> = {
  get_service_info: {
    description:
      'Find operations of this API. Without arguments it gives an overview; with a query, those that fit it best.',
    properties: DISCOVERY,
    required: [],
  },
  get_type_info: {
    description: 'Tell which parameters and which body an operation of this API takes, and what it answers.',
    properties: { service: text('The name of the operation, as get_service_info tells it') },
    required: ['service'],
  },
  make_tool_call: {
    description: 'Call an operation of this API. Ask get_type_info first what it takes.',
    properties: { service: text('The name of the operation, as get_service_info tells it'), request: REQUEST },
    required: ['service'],
  },
};

const TOOLS: Readonly<Record<FacadeTool, Words>> = {
  get_service_info: {
    description:
      'Find tools of this server. Without arguments it gives an overview; with a query, those that fit it best.',
    properties: DISCOVERY,
    required: [],
  },
  get_type_info: {
    description: 'Tell which arguments a tool of this server takes.',
    properties: { tool_name: text('The name of the tool, as get_service_info tells it') },
    required: ['tool_name'],
  },
  make_tool_call: {
    description: 'Call a tool of this server. Ask get_type_info first what it takes.',
    properties: {
      tool_name: text('The name of the tool, as get_service_info tells it'),
      arguments: { ...RECORD, description: 'The arguments of the tool' },
    },
    required: ['tool_name'],
  },
};

const WORDS: Readonly<Record<Facade['of'], Readonly<Record<FacadeTool, Words>>>> = { services: SERVICES, tools: TOOLS };

/** What one of the three tools takes, by its definition. */
export const argumentNames = (of: Facade['of'], tool: FacadeTool): readonly string[] =>
  Object.keys(WORDS[of][tool].properties);

/** The definitions of the three tools, as JSON text. */
export function facadeDefinitions({ of, texts }: Facade): readonly string[] {
  return FACADE_TOOLS.map((name) => {
    const { description, properties, required } = WORDS[of][name];
    const own = Object.hasOwn(texts, name) ? texts[name]!.trim() : '';
    const readOnlyHint = name !== 'make_tool_call';
    const annotations = { readOnlyHint, destructiveHint: !readOnlyHint, openWorldHint: !readOnlyHint };
    const inputSchema = { type: 'object', properties, required, additionalProperties: false };
    return JSON.stringify({ name, description: own || description, inputSchema, annotations });
  });
}
