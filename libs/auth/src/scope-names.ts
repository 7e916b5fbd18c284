import type { AnswerSign } from './credential-use.js';

/** RFC 9110, 11.2: parameters of a challenge, quoted or not; what is quoted is passed over as a whole. */
const PARAMETER = /([a-z_]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.){0,4096})"|([^\s,"]{1,256}))/gi;
/** RFC 6749, 3.3. */
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;
const MOST_CHALLENGE = 8_192;
/** Of names together: more is not asked of anybody, whatever a member says. */
const MOST_SCOPE = 1_024;

/**
 * The scope that a member wants beyond that of the credential (RFC 6750, 3.1: `insufficient_scope`); undefined if it says
 * nothing of the kind, or not which.
 */
export function scopeAskedBy({ status, challenge }: AnswerSign): string | undefined {
  if (status !== 403 || challenge === undefined || !/(^|,\s*)(bearer|dpop)\s/i.test(challenge)) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain] of challenge.slice(0, MOST_CHALLENGE).matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted ?? plain ?? '');
  }
  if (parameters.get('error') !== 'insufficient_scope') return undefined;
  return namesIn(parameters.get('scope')).join(' ') || undefined;
}

/** All names of several scopes, each once, in the order in which they come; undefined if there is none. */
export function unionOf(...scopes: readonly (string | undefined)[]): string | undefined {
  return [...new Set(scopes.flatMap((scope) => namesIn(scope)))].join(' ') || undefined;
}

/** What is to be asked for so that `asked` is in it; undefined if it was asked for before, or there would be too much. */
export function widened(before: string | undefined, asked: string): string | undefined {
  const known = new Set(namesIn(before));
  if (namesIn(asked).every((name) => known.has(name))) return undefined;
  const all = unionOf(before, asked);
  return all !== undefined && all.length <= MOST_SCOPE ? all : undefined;
}

function namesIn(scope = ''): readonly string[] {
  return scope.split(' ').filter((name) => NAME.test(name));
}
