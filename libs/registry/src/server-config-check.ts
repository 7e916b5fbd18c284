import type { AuthAdapter } from '#auth';
import { listenConfig } from '#config';
import { type Fault, faultsOf, isObject, parseUrl } from '#kernel';
import { normaliseAliases } from './server-config-aliases.js';
import { excessFaults } from './server-config-limits.js';
import { SERVER_TYPES, type ServerConfig, endpointOf, serverConfigSchema } from './server-config.schema.js';

export interface CheckOptions {
  /** Operators may name files on the composer's host; nobody else may. */
  readonly mayReadFiles: boolean;
}

export interface CheckedConfig {
  /** Absent if there are faults. */
  readonly config?: ServerConfig;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** Checks a configuration against the schema of its type and the strategies that it names. Finds all faults at once. */
export function checkServerConfig(input: unknown, auth: AuthAdapter, { mayReadFiles }: CheckOptions): CheckedConfig {
  const { config: raw, warnings } = normaliseAliases(input);
  if (!isObject(raw)) return { faults: [{ path: '', message: 'must be a JSON object' }], warnings };
  if (!SERVER_TYPES.includes(String(raw['type']))) {
    return { faults: [{ path: 'type', message: `must be one of ${SERVER_TYPES.join(', ')}` }], warnings };
  }
  const excess = excessFaults(raw);
  if (excess.length > 0) return { faults: excess, warnings };
  const parsed = serverConfigSchema.safeParse(raw);
  const faults = [...(parsed.success ? [] : faultsOf(parsed.error.issues))];

  const own = checkBlock(raw, auth, '');
  faults.push(...own.faults);
  const tools = Object.entries(isObject(raw['tool_auth']) ? raw['tool_auth'] : {});
  const perTool = tools.map(([tool, block]) => [tool, checkBlock(block, auth, `tool_auth.${tool}.`)] as const);
  faults.push(...perTool.flatMap(([, checked]) => checked.faults));
  if (!mayReadFiles) faults.push(...fileFaults(raw));
  if (raw['type'] === 'stdio') faults.push(...uncalledFaults(raw, OF_PROCESSES));
  if (raw['type'] === 'local' && raw['endpoint'] === undefined) faults.push(...uncalledFaults(raw, OF_PROMPTS));
  if (parsed.success && !SPEAKS_NO_MCP.has(parsed.data.type) && isOurOwn(endpointOf(parsed.data))) {
    faults.push({ path: 'endpoint', message: 'is the composer itself: its list of tools would grow without end' });
  }
  if (!parsed.success || faults.length > 0) return { faults: unique(faults), warnings };

  const config = { ...parsed.data, ...own.block } as ServerConfig;
  config.tool_auth = Object.fromEntries(perTool.map(([tool, { block }]) => [tool, block]));
  return { config, faults: [], warnings };
}

const SPEAKS_NO_MCP: ReadonlySet<string> = new Set<ServerConfig['type']>(['openapi', 'graphql', 'local']);

function fileFaults({ open_api: openApi, graphql, prompt_path }: Record<string, unknown>): readonly Fault[] {
  const faults: Fault[] = [];
  if (prompt_path !== undefined) {
    faults.push({ path: 'prompt_path', message: 'is for operators only: use prompts' });
  }
  if (isObject(openApi) && openApi['spec_filepath'] !== undefined) {
    faults.push({ path: 'open_api.spec_filepath', message: 'is for operators only: use spec_url or spec' });
  }
  if (isObject(graphql) && graphql['schema_filepath'] !== undefined) {
    faults.push({ path: 'graphql.schema_filepath', message: 'is for operators only: use schema' });
  }
  return faults;
}

const OF_PROCESSES = {
  strategy: 'must be "none": a process takes its credentials from "env"',
  headers: 'must be empty: a process is sent no headers and no credentials',
};
const OF_PROMPTS = {
  strategy: 'must be "none": prompts are kept here, and nobody is called for them',
  headers: 'must be empty: nobody is called for prompts',
};

/** What is reached by no request could be sent no credential and no header. */
function uncalledFaults(raw: Record<string, unknown>, why: typeof OF_PROCESSES): readonly Fault[] {
  const faults: Fault[] = [];
  const strategy = raw['auth_strategy'];
  if (strategy !== undefined && strategy !== 'none') faults.push({ path: 'auth_strategy', message: why.strategy });
  for (const path of ['headers', 'forward_headers', 'tool_auth']) {
    const given = raw[path];
    if (typeof given !== 'object' || given === null || Object.keys(given).length === 0) continue;
    faults.push({ path, message: why.headers });
  }
  return faults;
}

/** Whether an address leads back here, as far as that can be told from where we listen and how clients call us. */
function isOurOwn(endpoint: string): boolean {
  const { host, port, publicUrl } = listenConfig();
  const names = [host, '127.0.0.1', 'localhost', '[::1]'];
  const own = [publicUrl, ...names.map((name) => `http://${name}:${port}`)].map((url) => parseUrl(url)?.origin);
  return own.includes(new URL(endpoint).origin);
}

export interface Address {
  readonly path: string;
  readonly url: string;
}

/** The addresses that a configuration makes the composer call, each with its path. Works on unchecked input. */
export function addressesOf(input: unknown): readonly Address[] {
  const { config } = normaliseAliases(input);
  if (!isObject(config)) return [];
  const tools = isObject(config['tool_auth']) ? config['tool_auth'] : {};
  return [
    ...addressesIn(config, '', /^endpoint$/),
    ...addressesIn(config['open_api'], 'open_api.', /^(endpoint|spec_url)$/),
    ...addressesIn(config['graphql'], 'graphql.', /^endpoint$/),
    ...addressesIn(config['auth'], 'auth.', AUTH_ADDRESS),
    ...Object.entries(tools).flatMap(([tool, block]) =>
      addressesIn(isObject(block) ? block['auth'] : undefined, `tool_auth.${tool}.auth.`, AUTH_ADDRESS),
    ),
  ];
}

/** Strategies name their addresses alike, in either of the spellings that are read; an issuer's name is one as well. */
const AUTH_ADDRESS = /_url$|[a-z0-9]Url$|^url$|^issuer$/;

function addressesIn(holder: unknown, prefix: string, keys: RegExp): readonly Address[] {
  if (!isObject(holder)) return [];
  return Object.entries(holder).flatMap(([key, url]) =>
    typeof url === 'string' && keys.test(key) && parseUrl(url) ? [{ path: prefix + key, url }] : [],
  );
}

interface CheckedAuth {
  readonly block: { readonly auth_strategy: string; readonly auth: Record<string, unknown> };
  readonly faults: readonly Fault[];
}

function checkBlock(holder: unknown, auth: AuthAdapter, prefix: string): CheckedAuth {
  const block = isObject(holder) ? holder : {};
  const settings = isObject(block['auth']) ? block['auth'] : {};
  const named = block['auth_strategy'];
  if (named === undefined && Object.keys(settings).length > 0) {
    const message = 'is missing: "auth" is given, and nothing is ever sent without the credential that was meant';
    return { block: { auth_strategy: 'none', auth: settings }, faults: [{ path: `${prefix}auth_strategy`, message }] };
  }
  const checked = auth.check({ strategy: typeof named === 'string' ? named : 'none', settings });
  return {
    block: { auth_strategy: checked.block.strategy, auth: checked.block.settings as Record<string, unknown> },
    faults: checked.faults.map(({ path, message }) => ({ path: prefix + path, message })),
  };
}

function unique(faults: readonly Fault[]): readonly Fault[] {
  const seen = new Map(faults.map((fault) => [`${fault.path}\n${fault.message}`, fault]));
  return [...seen.values()];
}
