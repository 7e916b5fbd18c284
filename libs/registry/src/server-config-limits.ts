import { type Fault, isObject } from '#kernel';

/** How many entries the records of a configuration may have. */
export const RECORD_LIMITS = { headers: 64, toolAuth: 256, auth: 64, env: 64, byName: 10_000 } as const;
/** How many addresses a configuration may make the composer call. */
export const MAX_ADDRESSES = 64;

/** How many servers a tenant may register. */
export const SERVERS_PER_TENANT = 2000;

const BY_NAME = [
  'tool_description',
  'tools_description',
  'prompts_description',
  'resources_description',
  'tool_permissions',
];

/**
 * Records with more entries than they may have, by path. To be asked before the schema, which looks at every entry of a
 * record before it could count them.
 */
export function excessFaults(config: Readonly<Record<string, unknown>>): readonly Fault[] {
  const { headers, toolAuth, auth, env, byName } = RECORD_LIMITS;
  const openApi = isObject(config['open_api']) ? config['open_api'] : {};
  const faults = [
    ...excess('headers', config['headers'], headers),
    ...excess('tool_auth', config['tool_auth'], toolAuth),
    ...excess('auth', config['auth'], auth),
    ...excess('env', config['env'], env),
    ...excess('open_api.tool_description', openApi['tool_description'], byName),
    ...BY_NAME.flatMap((path) => excess(path, config[path], byName)),
  ];
  if (faults.length > 0) return faults;
  const tools = isObject(config['tool_auth']) ? config['tool_auth'] : {};
  return Object.entries(tools).flatMap(([tool, block]) =>
    excess(`tool_auth.${tool}.auth`, isObject(block) ? block['auth'] : undefined, auth),
  );
}

function excess(path: string, record: unknown, limit: number): readonly Fault[] {
  if (!isObject(record) || Object.keys(record).length <= limit) return [];
  return [{ path, message: `has more than ${limit} entries` }];
}
