import type { OperationResult, SecurityHint } from '../openapi/index.js';

/**
 * Says to the people behind a call that was answered with 401, and carried no credential, what the document asks for.
 * They cannot see the configuration, but can tell whoever keeps it.
 */
export function withAdvice(result: OperationResult, member: string, hints: readonly SecurityHint[]): OperationResult {
  const [hint] = hints;
  if (!hint) return result;
  const settings = Object.entries(hint.auth).map(([name, value]) => `${name} "${value}"`);
  const wanted = [`auth_strategy "${hint.auth_strategy}"`, ...settings].join(', ');
  const text = `Server "${member}" is called without a credential; its document asks for ${wanted}.`;
  return { ...result, content: [...result.content, { type: 'text', text }] };
}
