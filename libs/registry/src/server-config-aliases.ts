import { isObject } from '#kernel';
import { FACADE_TOOLS } from './facade-tools.js';

type Raw = Record<string, unknown>;

/** Keys that files of the original hold and that mean nothing here. */
const MEANINGLESS = ['version_id', 'productId', 'solis_config', 'sse_read_timeout'];
const TYPES: Readonly<Record<string, string>> = { proxy: 'client', mcp: 'client', cli: 'stdio' };
const APIKEY_SPELLINGS = ['api_key', 'key', 'api_key_value'];
/** As files of the original misspell a setting of `dynamic_bearer`. */
const METHOD_SPELLINGS = ['auth_genration_method', 'authGenrationMethod'];
/** Of names that are told to mean nothing. */
const [MAX_NAMES, MAX_NAME] = [5, 64];

export interface Normalised {
  readonly config: unknown;
  /** What was read differently from how it was written, for the person who wrote it. */
  readonly warnings: readonly string[];
}

/**
 * Reads the spellings that files and habits of the original bring, and says so. Everything else is left as it is, for
 * the schema to judge.
 */
export function normaliseAliases(input: unknown): Normalised {
  if (!isObject(input)) return { config: input, warnings: [] };
  const warnings: string[] = [];
  const config: Raw = { ...input };
  delete config['_meta'];

  if ('_id' in config) {
    if (config['_id'] !== config['id']) warnings.push('_id differs from id and was ignored');
    delete config['_id'];
  }
  for (const key of MEANINGLESS) {
    if (!(key in config)) continue;
    delete config[key];
    warnings.push(`${key} has no meaning here and was ignored`);
  }
  if (typeof config['name'] === 'string') {
    config['label'] ??= config['name'];
    delete config['name'];
    warnings.push('name was read as label');
  }
  const type = TYPES[String(config['type'])];
  if (type) {
    warnings.push(`type "${String(config['type'])}" was read as "${type}"`);
    config['type'] = type;
  }
  if (config['type'] === 'graphql') normaliseGraphql(config, warnings);
  if (config['type'] === 'stdio') normaliseStdio(config, warnings);
  if (isObject(config['open_api'])) config['open_api'] = openApi(config['open_api'], warnings);
  noteTexts(config, '', warnings);
  if (isObject(config['open_api'])) noteTexts(config['open_api'], 'open_api.', warnings);
  normaliseAuth(config, { prefix: '', warnings });
  if (isObject(config['tool_auth'])) config['tool_auth'] = toolAuth(config['tool_auth'], warnings);
  return { config, warnings };
}

/** The original documents both forms, and reads one. */
function normaliseGraphql(config: Raw, warnings: string[]): void {
  const graphql: Raw = isObject(config['graphql']) ? { ...config['graphql'] } : {};
  const isFree = config['graphql'] === undefined || (isObject(config['graphql']) && graphql['endpoint'] === undefined);
  if (typeof config['endpoint'] === 'string' && isFree) {
    config['graphql'] = { ...graphql, endpoint: config['endpoint'] };
    delete config['endpoint'];
    warnings.push('endpoint was read as graphql.endpoint');
  }
  const settings: unknown = config['graphql'];
  if (config['introspection'] === true && isObject(settings) && settings['tools'] === undefined) {
    config['graphql'] = { ...settings, tools: ['query', 'fields'] };
    warnings.push('introspection was read as graphql.tools: ["query", "fields"]');
  } else if ('introspection' in config) warnings.push('introspection has no meaning here and was ignored');
  delete config['introspection'];
  const { tools, operations } = isObject(config['graphql']) ? config['graphql'] : {};
  const hasUse =
    tools === undefined ? Array.isArray(operations) && operations.length > 0 : JSON.stringify(tools) !== '["query"]';
  if (graphql['schema_filepath'] !== undefined && !hasUse) {
    warnings.push('graphql.schema_filepath has no effect until graphql.tools names fields or operations');
  }
}

/** Documents of the original name the folder otherwise than its code; its files leave things out by `null`. */
function normaliseStdio(config: Raw, warnings: string[]): void {
  for (const key of ['args', 'env', 'cwd', 'working_directory']) if (config[key] === null) delete config[key];
  if (!('working_directory' in config)) return;
  config['cwd'] ??= config['working_directory'];
  delete config['working_directory'];
  warnings.push('working_directory was read as cwd');
}

function openApi(input: Raw, warnings: string[]): Raw {
  const settings: Raw = { ...input };
  if ('orges' in settings) {
    settings['layered'] ??= settings['orges'];
    delete settings['orges'];
    warnings.push('open_api.orges was read as open_api.layered');
  }
  if (typeof settings['custom_routes'] === 'string') {
    try {
      settings['custom_routes'] = JSON.parse(settings['custom_routes']);
      warnings.push('open_api.custom_routes was read from a JSON string');
    } catch {
      // left as it is: the schema names the fault
    }
  }
  return settings;
}

/** `holder` is what may be layered. */
function noteTexts({ layered, tool_description: texts }: Raw, prefix: string, warnings: string[]): void {
  if (!isObject(texts) || Object.keys(texts).length === 0) return;
  if (layered !== true)
    return void warnings.push(`${prefix}tool_description has no effect until ${prefix}layered is true`);
  const known: readonly string[] = FACADE_TOOLS;
  const others = Object.keys(texts).filter((name) => !known.includes(name));
  if (others.length === 0) return;
  const told = others.slice(0, MAX_NAMES).map((name) => name.slice(0, MAX_NAME));
  warnings.push(`${prefix}tool_description has no effect for ${told.join(', ')}: it is for ${known.join(', ')}`);
}

function toolAuth(input: Raw, warnings: string[]): Raw {
  const entries = Object.entries(input).map(([tool, given]) => {
    if (!isObject(given)) return [tool, given] as const;
    const block = { ...given };
    normaliseAuth(block, { prefix: `tool_auth.${tool}.`, warnings });
    return [tool, block] as const;
  });
  return Object.fromEntries(entries);
}

/** `holder` is the configuration, or what it says of one tool. */
function normaliseAuth(holder: Raw, { prefix, warnings }: { prefix: string; warnings: string[] }): void {
  if (!isObject(holder['auth'])) return;
  const auth: Raw = { ...holder['auth'] };
  if (holder['auth_strategy'] === undefined && typeof auth['type'] === 'string') {
    holder['auth_strategy'] = auth['type'];
    delete auth['type'];
    warnings.push(`${prefix}auth.type was read as ${prefix}auth_strategy`);
  }
  const rename = (spelling: string | undefined, name: string) => {
    if (spelling === undefined || name in auth) return;
    auth[name] = auth[spelling];
    delete auth[spelling];
    warnings.push(`${prefix}auth.${spelling} was read as ${prefix}auth.${name}`);
  };
  const written = (spellings: readonly string[]) => spellings.find((key) => key in auth);
  const named = holder['auth_strategy'];
  const strategy = typeof named === 'string' ? named.toLowerCase() : '';
  if (/^(api_?key|dynamic_bearer)$/.test(strategy)) rename(written(APIKEY_SPELLINGS), 'apikey');
  if (strategy === 'apikey' && typeof auth['api_key_name'] === 'string') {
    auth['name'] ??= auth['api_key_name'];
    delete auth['api_key_name'];
    warnings.push(`${prefix}auth.api_key_name was read as ${prefix}auth.name`);
  }
  if (strategy === 'dynamic_bearer') rename(written(METHOD_SPELLINGS), 'token_gen_auth_method');
  holder['auth'] = auth;
}
