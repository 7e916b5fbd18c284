import type { Provider } from '@nestjs/common';
import { ClientDocument } from './client-document.js';
import { ClientEnrolment } from './client-enrolment.js';
import { ConsentEnd } from './consent-end.js';
import { ConsentStart } from './consent-start.js';
import { IssuerClients } from './issuer-clients.js';
import { IssuerDiscovery } from './issuer-discovery.js';
import { IssuerFinder } from './issuer-finder.js';
import { Oauth2Consent } from './oauth2-consent.js';
import { Oauth2Tokens } from './oauth2-tokens.js';
import { TokenEndpoint } from './token-endpoint.js';

/** What the strategy and its consent are made of. */
export const OAUTH2_PARTS: readonly Provider[] = [
  ClientDocument,
  ClientEnrolment,
  ConsentEnd,
  ConsentStart,
  IssuerClients,
  IssuerDiscovery,
  IssuerFinder,
  Oauth2Consent,
  Oauth2Tokens,
  TokenEndpoint,
];
