import { parseUrl } from '#kernel';
import { z } from 'zod';

const MAX_LENGTH = 4096;

/** An address among settings: egress judges it at registration, and again at each request. */
export const absoluteUrl = z
  .string()
  .max(MAX_LENGTH, `is too long: ${MAX_LENGTH} characters at most`)
  .refine((text) => /^https?:$/.test(parseUrl(text)?.protocol ?? ''), 'is not an http or https URL')
  .refine((text) => !parseUrl(text)?.username && !parseUrl(text)?.password, 'holds credentials: give them as settings')
  .refine((text) => !parseUrl(text)?.hash, 'has a fragment, which is never sent');

/** The same, or a path on the origin of the member's endpoint: `/login`. */
export const urlOrPath = z.string().superRefine((text, context) => {
  const isPath = /^\/(?![/\\])[\x21-\x7e]*$/.test(text) && !/[\\#]/.test(text) && text.length <= MAX_LENGTH;
  if (isPath) return;
  const parsed = absoluteUrl.safeParse(text);
  if (!parsed.success) context.addIssue({ code: 'custom', message: `${parsed.error.issues[0]!.message}, nor a path` });
});
