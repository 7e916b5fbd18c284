import { parseUrl } from '#kernel';
import { z } from 'zod';

/** An address that the composer itself calls. Whether it may is for the egress guard to say. */
export const address = z
  .string()
  .max(4096, 'is too long: 4096 characters at most')
  .refine((text) => /^https?:$/.test(parseUrl(text)?.protocol ?? ''), 'is not an http or https URL')
  .refine((text) => !parseUrl(text)?.username && !parseUrl(text)?.password, 'holds credentials: put them into "auth"');
