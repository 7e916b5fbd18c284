import { BoundRequests } from '../src/strategies/oauth2/bound-requests.js';
import { ClientDocument } from '../src/strategies/oauth2/client-document.js';
import { ClientEnrolment } from '../src/strategies/oauth2/client-enrolment.js';
import { ConsentEnd } from '../src/strategies/oauth2/consent-end.js';
import { ConsentStart } from '../src/strategies/oauth2/consent-start.js';
import { GrantRequests } from '../src/strategies/oauth2/grant-requests.js';
import { IdentityProvider } from '../src/strategies/oauth2/identity-provider.js';
import { IssuerClients } from '../src/strategies/oauth2/issuer-clients.js';
import { IssuerDiscovery } from '../src/strategies/oauth2/issuer-discovery.js';
import { IssuerFinder } from '../src/strategies/oauth2/issuer-finder.js';
import { Oauth2Consent } from '../src/strategies/oauth2/oauth2-consent.js';
import { Oauth2Tokens } from '../src/strategies/oauth2/oauth2-tokens.js';
import { ProofNonces } from '../src/strategies/oauth2/proof-nonces.js';
import { TokenEndpoint } from '../src/strategies/oauth2/token-endpoint.js';
import { TokenRevocation } from '../src/token-revocation.js';
import type { StrategyParts } from './strategy-parts.js';

export interface Oauth2Parts {
  readonly finder: IssuerFinder;
  readonly tokens: Oauth2Tokens;
  readonly consent: Oauth2Consent;
  readonly revocation: TokenRevocation;
  readonly listen: { readonly publicUrl: string };
}

export interface Oauth2PartsOptions {
  /** `http://127.0.0.1:9000` unless given. */
  readonly publicUrl?: string;
  /** Of the client ID metadata document, in place of the one below `publicUrl`. */
  readonly documentUrl?: string;
}

/** The real parts of the strategy `oauth2` without Nest. */
export function oauth2Parts(
  {
    keeper,
    keys,
    http,
    guard,
    clock,
    issued,
  }: Pick<StrategyParts, 'keeper' | 'keys' | 'http' | 'guard' | 'clock' | 'issued'>,
  { publicUrl = 'http://127.0.0.1:9000', documentUrl }: Oauth2PartsOptions = {},
): Oauth2Parts {
  const listen = { host: '127.0.0.1', port: 9000, publicUrl, isLoopback: publicUrl.startsWith('http:'), aliases: [] };
  const document = new ClientDocument(listen, { documentUrl });
  const nonces = new ProofNonces();
  const endpoint = new TokenEndpoint(http, nonces);
  const clients = new IssuerClients(keeper, document, keys);
  const finder = new IssuerFinder(new IssuerDiscovery(http), clock);
  const provider = new IdentityProvider(endpoint, finder, clients, issued);
  const requests = new GrantRequests(provider, clock);
  const tokens = new Oauth2Tokens(endpoint, clients, keys, requests, new BoundRequests(nonces, clock));
  const enrolment = new ClientEnrolment(http, clients, document, clock);
  const start = new ConsentStart(finder, clients, enrolment, tokens, guard);
  const end = new ConsentEnd(keeper, endpoint, tokens, clients);
  return { finder, tokens, consent: new Oauth2Consent(start, end), revocation: new TokenRevocation(endpoint), listen };
}
