import { isObject } from '#kernel';

type Raw = Record<string, unknown>;

/** Keys that files of the original hold and that mean nothing here. */
const MEANINGLESS = ['version_id', 'productId', 'solis_config', 'sse_read_timeout'];
const TYPES: Readonly<Record<string, string>> = { proxy: 'client', mcp: 'client' };
const APIKEY_SPELLINGS = ['api_key', 'key', 'api_key_value'];

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
  if (isObject(config['open_api'])) config['open_api'] = openApi(config['open_api'], warnings);
  normaliseAuth(config, warnings);
  return { config, warnings };
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

function normaliseAuth(config: Raw, warnings: string[]): void {
  if (!isObject(config['auth'])) return;
  const auth: Raw = { ...config['auth'] };
  if (config['auth_strategy'] === undefined && typeof auth['type'] === 'string') {
    config['auth_strategy'] = auth['type'];
    delete auth['type'];
    warnings.push('auth.type was read as auth_strategy');
  }
  const named = config['auth_strategy'];
  const strategy = typeof named === 'string' ? named.toLowerCase() : '';
  const spelling = APIKEY_SPELLINGS.find((key) => key in auth);
  if ((strategy === 'apikey' || strategy === 'api_key') && spelling && !('apikey' in auth)) {
    auth['apikey'] = auth[spelling];
    delete auth[spelling];
    warnings.push(`auth.${spelling} was read as auth.apikey`);
  }
  if (strategy === 'apikey' && typeof auth['api_key_name'] === 'string') {
    auth['name'] ??= auth['api_key_name'];
    delete auth['api_key_name'];
    warnings.push('auth.api_key_name was read as auth.name');
  }
  config['auth'] = auth;
}
