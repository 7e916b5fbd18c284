import { ConfigError, STAGES, configSlice, listenConfig } from '#config';
import { z } from 'zod';
import { isNetwork } from './identity/networks.js';

export interface AccessConfig {
  /** `none`: everybody who can reach the port is the administrator of the default tenant. */
  readonly mode: 'none' | 'required';
  /** Names, with or without a port, that a `Host` header may carry. */
  readonly hosts: readonly string[];
  /** What an `Origin` header may carry. */
  readonly origins: readonly string[];
  /** Addresses and networks of proxies that are believed where a request comes from. */
  readonly proxies: readonly string[];
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const list = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim().toLowerCase()))
  .transform((entries) => entries.filter((entry) => entry.length > 0));

/** Who may call, and under which names. */
export const accessConfig = configSlice(
  'access',
  z.object({
    COMPOSER_STAGE: z.enum(STAGES).default('development'),
    COMPOSER_AUTH: z.enum(['none', 'required']).optional(),
    ALLOWED_HOSTS: list.optional(),
    ALLOWED_ORIGINS: list.optional(),
    TRUSTED_PROXIES: list.default([]),
  }),
  ({ COMPOSER_STAGE, COMPOSER_AUTH, ALLOWED_HOSTS, ALLOWED_ORIGINS, TRUSTED_PROXIES }): AccessConfig => {
    const { isLoopback, publicUrl } = listenConfig();
    const mayBeOpen = COMPOSER_STAGE === 'development' && isLoopback;
    if (COMPOSER_AUTH === 'none' && !mayBeOpen) {
      throw new ConfigError(['COMPOSER_AUTH: none is for development on a loopback HOST only; use required']);
    }
    const odd = TRUSTED_PROXIES.filter((entry) => !isNetwork(entry));
    if (odd.length > 0) throw new ConfigError(['TRUSTED_PROXIES: must be addresses or networks such as 10.0.0.0/8']);
    const own = new URL(publicUrl);
    return {
      mode: COMPOSER_AUTH ?? (mayBeOpen ? 'none' : 'required'),
      hosts: [...(ALLOWED_HOSTS ?? LOOPBACK_NAMES), own.host.toLowerCase()],
      origins: [...(ALLOWED_ORIGINS ?? LOOPBACK_NAMES), own.origin.toLowerCase()],
      proxies: TRUSTED_PROXIES,
    };
  },
);
