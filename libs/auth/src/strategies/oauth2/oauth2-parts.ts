import type { Provider } from '@nestjs/common';
import { BoundRequests } from './bound-requests.js';
import { ClientDocument } from './client-document.js';
import { ClientEnrolment } from './client-enrolment.js';
import { ConsentEnd } from './consent-end.js';
import { ConsentStart } from './consent-start.js';
import { GrantRequests } from './grant-requests.js';
import { IdentityProvider } from './identity-provider.js';
import { IssuerClients } from './issuer-clients.js';
import { IssuerDiscovery } from './issuer-discovery.js';
import { IssuerFinder } from './issuer-finder.js';
import { Oauth2Consent } from './oauth2-consent.js';
import { Oauth2Tokens } from './oauth2-tokens.js';
import { ProofNonces } from './proof-nonces.js';
import { TokenEndpoint } from './token-endpoint.js';

/** What the strategy and its consent are made of. */
export const OAUTH2_PARTS: readonly Provider[] = [
  BoundRequests,
  ClientDocument,
  ClientEnrolment,
  ConsentEnd,
  ConsentStart,
  GrantRequests,
  IdentityProvider,
  IssuerClients,
  IssuerDiscovery,
  IssuerFinder,
  Oauth2Consent,
  Oauth2Tokens,
  ProofNonces,
  TokenEndpoint,
];
