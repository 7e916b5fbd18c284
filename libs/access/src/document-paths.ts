import { createHash } from 'node:crypto';

/**
 * The path of a document under a name of its own. Names sort as they do by themselves, and none of them, `..` for
 * instance, is anything but a name.
 */
export const pathOf = (kind: string, name: string): string => `${kind}/~${name.replaceAll('/', '/~')}`;

/** Stands for a text of any length and any characters. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url');
