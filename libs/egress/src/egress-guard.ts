import type { LookupFunction } from 'node:net';
import { Log } from '#observability';
import { Inject, Injectable } from '@nestjs/common';
import { EgressDeniedError } from './egress.errors.js';
import { type EgressConfig, egressConfig } from './egress.config.js';
import { type IpAddress, ipLiteral, isPublic } from './ip-address.js';
import { NameResolver } from './name-resolver.js';

/** Where a connection goes, before any name is resolved. */
export interface Destination {
  /** As a parsed URL spells it: lower case, IPv6 with or without brackets. */
  readonly host: string;
  readonly port: number;
  /** TLS. */
  readonly secure: boolean;
}

const MAX_URL_LENGTH = 4_096;
const PUBLIC_PORTS: ReadonlySet<number> = new Set([443, 8443]);
/** Names that only mean something near us (RFC 6761, 6762, 8375; ICANN's `.internal`), or that dodge a suffix rule. */
const NEARBY = /(^|\.)(localhost|local|internal|home\.arpa)$|\.$/;
/** Parsers disagree about these: WHATWG drops tabs and newlines and reads `\` as `/`. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const AMBIGUOUS = /[\u0000-\u001f\u007f]|^[^?#]*\\/;

/**
 * Says which addresses this process may call: public HTTPS on 443 and 8443, and what the operator lists in
 * `EGRESS_ALLOW`. It holds at two places: `judge` and `check` where an address is taken in, `admit` and `lookupFor`
 * where a socket is opened. The second is the wall; names change their minds between the two.
 */
@Injectable()
export class EgressGuard {
  constructor(
    @Inject(egressConfig.KEY) private readonly config: EgressConfig,
    private readonly names: NameResolver,
    private readonly log: Log,
  ) {}

  /**
   * Judges all that can be told without asking DNS, and returns the parsed address.
   * @param base what a relative address is relative to
   * @throws EgressDeniedError also for what is no URL at all
   */
  judge(address: string | URL, base?: URL): URL {
    const url = parse(String(address), base);
    if (!url) throw this.deny('is not a plain URL of at most 4096 characters');
    const destination = destinationOf(url);
    if (!destination) throw this.deny('has another scheme than http and https');
    if (url.username !== '' || url.password !== '') throw this.deny('carries user information', destination);

    this.admit(destination);
    if (!this.mayResolve(destination)) throw this.deny('needs an entry in EGRESS_ALLOW', destination);
    return url;
  }

  /**
   * Judges an address as `judge` does, and every address that its name resolves to now. A name that does not resolve
   * is not denied: it is merely unreachable, and will be judged when it resolves.
   * @throws EgressDeniedError
   */
  async check(address: string | URL): Promise<URL> {
    const url = this.judge(address);
    const destination = destinationOf(url)!;
    if (ipLiteral(destination.host)) return url;

    const answers = await this.names.resolve(destination.host).catch(() => []);
    for (const answer of answers) this.admitAddress(answer.address, destination);
    return url;
  }

  /**
   * Judges an IP literal; names pass, because their addresses are judged in `lookupFor`. To be called before every
   * connect: Node never calls `lookup` for a literal.
   * @throws EgressDeniedError
   */
  admit(destination: Destination): void {
    if (ipLiteral(destination.host)) this.admitAddress(destination.host, destination);
  }

  /**
   * The `lookup` of one connect to `port`: resolves all addresses, requires every one to pass, and hands out exactly
   * those. Fails with `EgressDeniedError` or the resolver's error.
   */
  lookupFor({ port, secure }: Pick<Destination, 'port' | 'secure'>): LookupFunction {
    return (host, options, callback) => {
      this.vetted({ host: host.toLowerCase(), port, secure }).then(
        (answers) => {
          const family = familyOf(options.family);
          const fitting = family === 0 ? answers : answers.filter((answer) => answer.family === family);
          const first = fitting[0];
          if (!first) callback(Object.assign(new Error('no address of this family'), { code: 'ENOTFOUND' }), '', 0);
          else if (options.all) callback(null, [...fitting]);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      );
    };
  }

  private async vetted(destination: Destination) {
    const answers = await this.names.resolve(destination.host);
    for (const answer of answers) this.admitAddress(answer.address, destination);
    return answers;
  }

  private admitAddress(address: string, destination: Destination): void {
    const ip = ipLiteral(address);
    if (!ip || !this.passes(ip, destination)) throw this.deny('leads to an address that is not public', destination);
  }

  private passes(ip: IpAddress, destination: Destination): boolean {
    const { allow } = this.config;
    return (
      allow.allowsHost(destination.host, destination.port) ||
      allow.allowsAddress(ip, destination.port) ||
      (isOrdinary(destination) && isPublic(ip))
    );
  }

  /** Whether addresses of this name exist that would pass. Literals are judged in full by `admit`. */
  private mayResolve(destination: Destination): boolean {
    const { allow } = this.config;
    const { host, port } = destination;
    return (
      isOrdinary(destination) ||
      ipLiteral(host) !== undefined ||
      allow.allowsHost(host, port) ||
      allow.hasNetworkFor(port)
    );
  }

  private deny(reason: string, destination?: Destination): EgressDeniedError {
    this.log.debug('egress denied', { reason, host: destination?.host, port: destination?.port });
    return new EgressDeniedError();
  }
}

/** Where a URL leads; `undefined` for schemes that are not HTTP. */
export function destinationOf(url: URL): Destination | undefined {
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') return undefined;
  return { host: url.hostname, port: url.port === '' ? (secure ? 443 : 80) : Number(url.port), secure };
}

/** What may go to any public address: everything else needs an entry for each of its addresses. */
function isOrdinary({ host, port, secure }: Destination): boolean {
  return secure && PUBLIC_PORTS.has(port) && !NEARBY.test(host);
}

function parse(text: string, base: URL | undefined): URL | undefined {
  if (text.length > MAX_URL_LENGTH || AMBIGUOUS.test(text)) return undefined;
  const url = urlOf(text, base);
  return url && url.href.length <= MAX_URL_LENGTH && url.hostname !== '' ? url : undefined;
}

/** Not `URL.canParse`: in Node 20 it answers wrongly for letters beyond ASCII once it has been called often. */
function urlOf(text: string, base: URL | undefined): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function familyOf(family: number | 'IPv4' | 'IPv6' | undefined): number {
  return family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : (family ?? 0);
}
