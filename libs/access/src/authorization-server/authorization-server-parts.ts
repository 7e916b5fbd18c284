import { BrowserCookies, BrowserForms } from '#pages';
import { byDatabase, onlyOn } from '#persistence';
import type { Provider } from '@nestjs/common';
import { AuthorizationServerListener } from './authorization-server.listener.js';
import { BrowserDesk } from './browser/browser-desk.js';
import { BrowserSessions } from './browser/browser-sessions.js';
import { CallbackDesk } from './browser/callback-desk.js';
import { ConsentDesk } from './browser/consent-desk.js';
import { ConsentGrants } from './browser/consent-grants.js';
import { KeyLoginDesk } from './browser/key-login-desk.js';
import { LoginDesk } from './browser/login-desk.js';
import { OauthClients } from './clients/oauth-clients.js';
import { GrantLedger } from './grants/grant-ledger.js';
import { GrantStanding } from './grants/grant-standing.js';
import { IssuerRoles } from './grants/issuer-roles.js';
import { IssuerDirectory } from './issuer-directory.js';
import { ProviderLibrary } from './provider-library.js';
import { AuthorizationRecordStore } from './records/authorization-record.store.js';
import { DocumentsAuthorizationRecordStore } from './records/documents.authorization-record.store.js';
import { PostgresAuthorizationRecordStore } from './records/postgres.authorization-record.store.js';
import { RecordIndex } from './records/record-index.js';
import { RecordSweep } from './records/record-sweep.js';
import { SealedRecords } from './records/sealed-records.js';
import { RegistrationDesk } from './registration-desk.js';
import { RegistrationThrottle } from './registration-throttle.js';
import { IdentityProviders } from './sign-in/identity-providers.js';
import { People } from './sign-in/people.js';
import { PersonFinder } from './sign-in/person-finder.js';
import { SignInStates } from './sign-in/sign-in-states.js';
import { SignIn } from './sign-in/sign-in.js';
import { TenantKeys } from './tenant-keys.js';
import { TenantProviders } from './tenant-providers.js';

/** Everything that the authorization servers consist of, for the module. */
export const AUTHORIZATION_SERVER: Provider[] = [
  onlyOn('cloudant', RecordIndex),
  byDatabase(AuthorizationRecordStore, {
    postgres: PostgresAuthorizationRecordStore,
    cloudant: DocumentsAuthorizationRecordStore,
  }),
  SealedRecords,
  RecordSweep,
  TenantKeys,
  IssuerDirectory,
  IssuerRoles,
  GrantLedger,
  GrantStanding,
  ProviderLibrary,
  TenantProviders,
  RegistrationThrottle,
  RegistrationDesk,
  OauthClients,
  IdentityProviders,
  PersonFinder,
  SignInStates,
  SignIn,
  People,
  BrowserCookies,
  BrowserForms,
  BrowserSessions,
  ConsentGrants,
  ConsentDesk,
  CallbackDesk,
  KeyLoginDesk,
  LoginDesk,
  BrowserDesk,
  AuthorizationServerListener,
];
