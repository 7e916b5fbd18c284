import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parseUrl } from '#kernel';
import { Inject, Injectable } from '@nestjs/common';
import { type AccessConfig, accessConfig } from '../access.config.js';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Metadata for clients, web pages among them, of what needs no credential to be read. Nothing with dots or encodings in it. */
const PUBLIC_DOCUMENT = /^\/\.well-known\/oauth-protected-resource(?:\/[A-Za-z0-9_-]+)*(?:\?|$)/;

/**
 * Judges the `Host` and `Origin` of every request, before anything else looks at it: the guard against DNS rebinding
 * and against web pages that call a local port (MCP 2025-11-25, transports, security).
 */
@Injectable()
export class RequestOrigin {
  constructor(@Inject(accessConfig.KEY) private readonly config: AccessConfig) {}

  isAllowed(
    { host, origin }: IncomingHttpHeaders,
    { method = '', url = '' }: Pick<IncomingMessage, 'method' | 'url'> = {},
  ): boolean {
    if (host === undefined || !isListed(host.toLowerCase(), this.config.hosts)) return false;
    if (origin === undefined || this.isKnownOrigin(origin.toLowerCase())) return true;
    return READING.has(method) && PUBLIC_DOCUMENT.test(url);
  }

  private isKnownOrigin(origin: string): boolean {
    if (this.config.origins.includes(origin)) return true;
    const url = parseUrl(origin);
    // RFC 6454, 6.2: scheme, host and port. Whatever holds more, or writes its host in another way, is no browser's.
    return url?.origin === origin && isListed(url.host, this.config.origins);
  }
}

/** Entries without a port stand for every port. */
function isListed(host: string, entries: readonly string[]): boolean {
  return entries.includes(host) || entries.includes(host.replace(/:\d+$/, ''));
}
