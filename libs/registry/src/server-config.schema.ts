import { headerName, headerText } from '#auth';
import { z } from 'zod';
import { address } from './address.schema.js';
import { graphqlSettings } from './graphql-settings.schema.js';
import { localPrompts } from './local/local-prompt.schema.js';
import { localTools } from './local/local-tool.schema.js';
import { RECORD_LIMITS } from './server-config-limits.js';

/** What an id may look like; nothing else is ever looked up. */
export const SERVER_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const NAME = z.string().min(1, 'is empty').max(256);
const NAMES = z.array(NAME).max(10_000).default([]);
/** Documented here, enforced by `excessFaults`. */
const atMost = (maxProperties: number) => ({ maxProperties });
const DESCRIPTIONS = z.record(NAME, z.string().max(4096)).default({}).meta(atMost(RECORD_LIMITS.byName));
/** Characters of all static headers, so that a request stays within what servers take. */
const MAX_HEADERS_LENGTH = 16_384;

/** Inbound headers that are never passed on: they authenticate the caller to us, or steer a connection. */
const NEVER_FORWARDED =
  /^(authorization|cookie|x-api-key|host|content-.*|connection|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept.*|forwarded|x-forwarded-.*|proxy-.*|mcp-.*)$/i;

const authBlock = {
  auth_strategy: z
    .string()
    .min(1, 'is empty')
    .max(64)
    .default('none')
    .describe('How the composer authenticates to the member'),
  auth: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Settings of the strategy; secrets are write-only')
    .meta(atMost(RECORD_LIMITS.auth)),
};

const shared = {
  id: z
    .string()
    .regex(SERVER_ID, 'must be 1 to 64 letters, digits, "_" or "-", starting with a letter or digit')
    .describe('Unique within the tenant; the prefix of the names that clients see'),
  label: z.string().max(256).default(''),
  tags: z.array(z.string().max(64)).max(64).default([]),
  headers: z
    .record(headerName, headerText)
    .refine((headers) => Object.entries(headers).flat().join('').length <= MAX_HEADERS_LENGTH, {
      error: `are too long: ${MAX_HEADERS_LENGTH} characters at most, names included`,
    })
    .default({})
    .describe('Static headers of every request; values are write-only')
    .meta(atMost(RECORD_LIMITS.headers)),
  forward_headers: z
    .array(headerName.refine((name) => !NEVER_FORWARDED.test(name), 'is never passed on to a member'))
    .max(32)
    .default([])
    .describe('Names of inbound headers that are passed on; none unless listed'),
  ...authBlock,
  tool_auth: z
    .record(NAME, z.strictObject(authBlock))
    .default({})
    .describe('A credential of its own for single tools')
    .meta(atMost(RECORD_LIMITS.toolAuth)),
  timeout: z.number().int().min(1).max(300).default(60).describe('Seconds that one call may take in all'),
  retry_attempts: z
    .number()
    .int()
    .min(0)
    .max(5)
    .default(2)
    .describe('Further tries while no byte of a request has reached the member'),
  health_check: z
    .strictObject({
      enabled: z.boolean().default(true),
      interval: z.number().int().min(5).max(86_400).default(30).describe('Seconds between checks'),
    })
    .default({ enabled: true, interval: 30 }),
  disabled_tools: NAMES,
  tools_description: DESCRIPTIONS,
  disabled_prompts: NAMES,
  prompts_description: DESCRIPTIONS,
  disabled_resources: NAMES,
  resources_description: DESCRIPTIONS,
  tool_permissions: z
    .record(NAME, z.array(z.string().max(64)).max(64))
    .default({})
    .describe('Roles that may see and call a tool; a tool that is not listed is open to every caller of the tenant')
    .meta(atMost(RECORD_LIMITS.byName)),
  status: z.enum(['active', 'deactivated']).default('active'),
};

const customRoute = z.strictObject({
  methods: z.union([z.literal('*'), z.array(z.string().max(16)).max(16)]),
  pattern: z.string().max(512),
  mcp_type: z
    .string()
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(['TOOL', 'RESOURCE', 'RESOURCE_TEMPLATE', 'EXCLUDE'])),
});

/** Three tools in place of all that a member has: to find one, to look at it, to call it. */
const facade = {
  layered: z.boolean().default(false).describe('Offer three tools through which all others are found and called'),
  tool_description: DESCRIPTIONS.describe('Texts of these three, by their own names'),
};

const httpConfig = z.strictObject({
  type: z.enum(['http', 'client']),
  endpoint: address.describe('The Streamable HTTP endpoint of an MCP server'),
  ...facade,
  ...shared,
});

const openApiConfig = z.strictObject({
  type: z.literal('openapi'),
  open_api: z
    .strictObject({
      endpoint: address.describe('Where the operations are called'),
      spec_url: address.optional().describe('Where the document is fetched from, without a credential'),
      spec_filepath: z.string().max(4096).optional().describe("A file on the composer's host; for operators only"),
      spec: z.record(z.string(), z.unknown()).optional().describe('The document itself'),
      custom_routes: z.array(customRoute).max(500).default([]),
      ...facade,
    })
    .refine(
      ({ spec, spec_url, spec_filepath }) => [spec, spec_url, spec_filepath].filter(Boolean).length === 1,
      'needs exactly one of spec_url, spec_filepath and spec',
    ),
  ...shared,
});

const sseConfig = z.strictObject({
  type: z.literal('sse'),
  endpoint: address.describe('The stream of an MCP server over HTTP+SSE, the transport of revision 2024-11-05'),
  ...facade,
  ...shared,
});

const graphqlConfig = z.strictObject({
  type: z.literal('graphql'),
  graphql: graphqlSettings,
  ...shared,
});

/** Makes a process load code that the operator's list does not name. */
const LOADS_CODE =
  /^(LD_.*|DYLD_.*|GCONV_PATH|NODE_OPTIONS|BASH_ENV|PERL5OPT|RUBYOPT|PYTHONSTARTUP|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS)$/;

/** Neither the system nor any shell can pass on what ends in the middle. */
const argument = z
  .string()
  .max(8_192, 'is too long: 8192 characters at most')
  .refine((text) => !text.includes('\0'), 'holds a NUL character');

const stdioConfigOfServer = z.strictObject({
  type: z.literal('stdio'),
  command: argument.min(1, 'is empty').describe("A program on the composer's host, one that the operator has listed"),
  args: z.array(argument).max(256).default([]).describe('Readable by everybody who may see the server: no secrets'),
  env: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'is no name of a variable')
        .refine((name) => !LOADS_CODE.test(name), 'is refused: it makes the program load other code'),
      argument,
    )
    .default({})
    .describe('All that the program sees of an environment; values are write-only')
    .meta(atMost(RECORD_LIMITS.env)),
  cwd: argument.min(1, 'is empty').optional().describe('The folder in which it runs; "/" unless given'),
  ...facade,
  ...shared,
});

const localConfig = z
  .strictObject({
    type: z.literal('local'),
    prompt_path: z
      .string()
      .min(1, 'is empty')
      .max(4096)
      .optional()
      .describe("A file with a list of prompts on the composer's host; for operators only"),
    prompts: localPrompts.default([]).describe('The prompts themselves'),
    endpoint: address.optional().describe('Where the requests of "tools" go'),
    tools: localTools.default([]).describe('Single HTTP requests as tools'),
    ...shared,
  })
  .superRefine(({ prompt_path, prompts, endpoint, tools }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (prompt_path !== undefined && prompts.length > 0) fault('prompts', 'must be empty beside prompt_path');
    if (tools.length === 0 && endpoint !== undefined)
      fault('endpoint', 'is called by "tools" alone, and there are none');
    if (tools.length > 0 && endpoint === undefined) fault('endpoint', 'is missing: it is where "tools" are called');
    if (tools.length > 0 && (prompt_path !== undefined || prompts.length > 0))
      fault('tools', 'and prompts are two servers: register one for each');
  });

/** One schema per type of member: what the API accepts, checks and documents. To add a type, add its schema here. */
export const serverConfigSchema = z.discriminatedUnion('type', [
  openApiConfig,
  httpConfig,
  sseConfig,
  graphqlConfig,
  stdioConfigOfServer,
  localConfig,
]);

/** A configuration as the composer works with it: complete, checked, secrets in clear. Never leaves the process. */
export type ServerConfig = z.infer<typeof serverConfigSchema>;
export type HttpServerConfig = z.infer<typeof httpConfig>;
export type OpenApiServerConfig = z.infer<typeof openApiConfig>;
export type SseServerConfig = z.infer<typeof sseConfig>;
export type GraphqlServerConfig = z.infer<typeof graphqlConfig>;
export type StdioServerConfig = z.infer<typeof stdioConfigOfServer>;
export type LocalServerConfig = z.infer<typeof localConfig>;

/** Where a member is called, as a URL; of a process and of prompts, one that nobody can call. */
export function endpointOf(config: ServerConfig): string {
  if (config.type === 'stdio') return `stdio:///${encodeURIComponent(config.command)}`;
  if (config.type === 'local') return config.endpoint ?? `local:///${config.id}`;
  if (config.type === 'openapi') return config.open_api.endpoint;
  return config.type === 'graphql' ? config.graphql.endpoint : config.endpoint;
}

/** What a layered member offers in place of all that it has. */
export interface Facade {
  /** Whether what is found and called there are operations of a service, or the tools of an MCP server. */
  readonly of: 'services' | 'tools';
  /** What its tools say of themselves, by their own names. */
  readonly texts: Readonly<Record<string, string>>;
}

/** Undefined for a member that is not layered. */
export function facadeOf(config: ServerConfig): Facade | undefined {
  const settings = config.type === 'openapi' ? config.open_api : 'layered' in config ? config : undefined;
  if (!settings?.layered) return undefined;
  return { of: config.type === 'openapi' ? 'services' : 'tools', texts: settings.tool_description };
}

/** The values of `type` that can be registered. */
export const SERVER_TYPES: readonly string[] = ['client', 'graphql', 'http', 'local', 'openapi', 'sse', 'stdio'];
