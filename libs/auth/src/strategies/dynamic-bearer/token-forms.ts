import type { DynamicBearerSettings } from './dynamic-bearer-settings.js';

export interface TokenRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One way in which token services want to be asked. */
export interface TokenForm {
  readonly name: string;
  readonly fits: (settings: DynamicBearerSettings) => boolean;
  readonly request: (settings: DynamicBearerSettings) => TokenRequest;
  /** Members of the answer that may hold the token, the first one that is there. */
  readonly fields: readonly string[];
}

type Fields = Readonly<Record<string, string | undefined>>;

const ACCEPT = { accept: 'application/json' };
const TOKEN = ['access_token', 'token'];
const isJson = (settings: DynamicBearerSettings) => settings.media_type?.endsWith('json') ?? false;
const isBasic = ({ id, secret, apikey, token_gen_auth_method: method }: DynamicBearerSettings) =>
  id !== undefined && secret !== undefined && (method === 'basic' || (method === undefined && apikey === undefined));
const hasClient = ({ client_id, client_secret }: DynamicBearerSettings) =>
  client_id !== undefined && client_secret !== undefined;

/** The requests of the original, in its order: the first one that fits the settings is sent. */
export const TOKEN_FORMS: readonly TokenForm[] = [
  {
    name: 'refresh token',
    fits: (settings) => hasClient(settings) && settings.refresh_token !== undefined,
    request: ({ client_id, client_secret, refresh_token, scope }) =>
      form({ grant_type: 'refresh_token', client_id, client_secret, refresh_token, scope }),
    fields: [...TOKEN, 'id_token'],
  },
  {
    name: 'client credentials',
    fits: hasClient,
    request: ({ client_id, client_secret, scope }) =>
      form({ grant_type: 'client_credentials', client_id, client_secret, scope }),
    fields: TOKEN,
  },
  {
    name: 'key in JSON',
    fits: (settings) =>
      settings.apikey !== undefined &&
      (settings.token_gen_auth_method === 'jwt' || (settings.token_gen_auth_method === undefined && isJson(settings))),
    request: ({ apikey }) => ({
      method: 'POST',
      headers: { ...ACCEPT, 'content-type': 'application/json' },
      body: JSON.stringify({ apikey }),
    }),
    fields: TOKEN,
  },
  {
    name: 'Turbonomic client',
    fits: (settings) => isBasic(settings) && settings.server === 'turbo',
    request: (settings) => form({ grant_type: 'client_credentials', scope: settings.scope }, basic(settings)),
    fields: TOKEN,
  },
  {
    name: 'basic',
    fits: isBasic,
    request: (settings) => ({
      method: settings.token_gen_method === 'post' ? 'POST' : 'GET',
      headers: { ...ACCEPT, ...basic(settings) },
    }),
    fields: TOKEN,
  },
  {
    name: 'IBM Cloud IAM',
    fits: ({ apikey }) => apikey !== undefined,
    request: ({ apikey }) => form({ grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey }),
    fields: TOKEN,
  },
];

function form(fields: Fields, headers: Readonly<Record<string, string>> = {}): TokenRequest {
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    method: 'POST',
    headers: { ...ACCEPT, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(given).toString(),
  };
}

/** RFC 7617, in UTF-8. */
function basic({ id, secret }: DynamicBearerSettings): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}
