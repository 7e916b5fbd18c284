import { parseUrl } from '#kernel';

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
const MAX_LENGTH = 2_048;

/** Whether the host is this machine itself: whoever runs a program there gets what is sent to it. */
export const isLoopbackHost = (hostname: string): boolean => LOOPBACK.test(hostname);

/** What is wrong with a redirect URI, if anything: https, or http to loopback (RFC 8252, 7.3; OAuth 2.1, 2.3.1). */
export function redirectUriFault(uri: string): string | undefined {
  const url = uri.length <= MAX_LENGTH ? parseUrl(uri) : undefined;
  if (!url) return `is no URL of at most ${MAX_LENGTH} characters`;
  if (uri.includes('*')) return 'may not hold a wildcard';
  if (uri.includes('#')) return 'may not have a fragment';
  if (url.username !== '' || url.password !== '') return 'may not carry user information';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined;
  return 'must be https, or http to localhost, 127.0.0.1 or [::1]';
}
