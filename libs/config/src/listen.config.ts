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
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** Where to listen, and what clients call that. */
export const listenConfig = configSlice(
  'listen',
  z.object({
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: z.coerce.number('must be a number').int('must be a whole number').min(0).max(65_535).default(9000),
    PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }).optional(),
  }),
  ({ HOST, PORT, PUBLIC_URL }): ListenConfig => {
    const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`;
    if (!parseUrl(url)) throw new ConfigError(['HOST: is no host name and no IP address; IPv6 goes without brackets']);
    return {
      host: HOST,
      port: PORT,
      publicUrl: (PUBLIC_URL ?? url).replace(/\/+$/, ''),
      isLoopback: LOOPBACK.test(HOST),
    };
  },
);
