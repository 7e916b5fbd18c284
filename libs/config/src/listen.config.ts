import { parseUrl } from '#kernel';
import { z } from 'zod';
import { ConfigError } from './config.errors.js';
import { configSlice } from './config-slice.js';

export interface ListenConfig {
  readonly host: string;
  readonly port: number;
  /** What clients call us: scheme, host and port, without a slash at the end. */
  readonly publicUrl: string;
  /** Only this machine can reach us. */
  readonly isLoopback: boolean;
  /** Old names of `PUBLIC_URL` that are given, to be warned of. */
  readonly aliases: readonly string[];
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

const url = z.url({ protocol: /^https?$/, error: 'is not an http or https URL' });
const port = z.coerce.number('must be a number').int('must be a whole number').min(0).max(65_535);

/**
 * Where to listen, and what clients call that. `OAUTH_BASE_URL`, `OAUTH_SERVER_URL` and `OAUTH_HOST` with `OAUTH_PORT`
 * are what `PUBLIC_URL` was called before; the first that is given counts.
 */
export const listenConfig = configSlice(
  'listen',
  z.object({
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: port.default(9000),
    PUBLIC_URL: url.optional(),
    OAUTH_BASE_URL: url.optional(),
    OAUTH_SERVER_URL: url.optional(),
    OAUTH_HOST: z.string().min(1).optional(),
    OAUTH_PORT: port.optional(),
  }),
  ({ HOST, PORT, PUBLIC_URL, ...old }): ListenConfig => {
    const own = urlOf(HOST, PORT);
    if (!own) throw new ConfigError(['HOST: is no host name and no IP address; IPv6 goes without brackets']);
    const aliased = PUBLIC_URL === undefined ? aliasOf(old, { host: HOST, port: PORT }) : undefined;
    const publicUrl = PUBLIC_URL ?? aliased ?? own;
    // Metadata and audiences are this and a path: what stands behind a `?` or `#` would swallow it.
    if (/[?#]/.test(publicUrl)) throw new ConfigError(['PUBLIC_URL: must have no query and no fragment']);
    return {
      host: HOST,
      port: PORT,
      publicUrl: publicUrl.replace(/\/+$/, ''),
      isLoopback: LOOPBACK.test(HOST),
      aliases: Object.entries(old).flatMap(([name, value]) => (value === undefined ? [] : [name])),
    };
  },
);

interface Aliases {
  readonly OAUTH_BASE_URL?: string | undefined;
  readonly OAUTH_SERVER_URL?: string | undefined;
  readonly OAUTH_HOST?: string | undefined;
  readonly OAUTH_PORT?: number | undefined;
}

function aliasOf(old: Aliases, own: { readonly host: string; readonly port: number }): string | undefined {
  const { OAUTH_BASE_URL, OAUTH_SERVER_URL, OAUTH_HOST, OAUTH_PORT } = old;
  const whole = OAUTH_BASE_URL ?? OAUTH_SERVER_URL;
  if (whole !== undefined || (OAUTH_HOST === undefined && OAUTH_PORT === undefined)) return whole;
  const url = urlOf(OAUTH_HOST ?? own.host, OAUTH_PORT ?? own.port);
  if (!url) throw new ConfigError(['OAUTH_HOST: is no host name and no IP address; IPv6 goes without brackets']);
  return url;
}

function urlOf(host: string, port: number): string | undefined {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return parseUrl(url) && url;
}
