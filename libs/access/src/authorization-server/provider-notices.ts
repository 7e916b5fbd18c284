import type { Log } from '#observability';

const PREFIX = /^(\p{Cc}\[[\d;]*m)?oidc-provider /u;
const redirected = new WeakSet<object>();

/**
 * oidc-provider tells its notices on the console, whose stdout is ours for one line alone. From here on they go to the
 * log, for us. What others write stays where it was.
 */
export function redirectProviderNotices(log: Pick<Log, 'debug'>): void {
  const { console: terminal } = globalThis;
  if (redirected.has(terminal)) return;
  redirected.add(terminal);
  for (const level of ['info', 'warn'] as const) {
    const original = terminal[level].bind(terminal);
    terminal[level] = (...parts: unknown[]): void => {
      const [first] = parts;
      if (typeof first === 'string' && PREFIX.test(first)) log.debug('oidc-provider says', { notice: first });
      else original(...parts);
    };
  }
}
