import type { CloudantV1 } from '@ibm-cloud/cloudant';
import type { CloudantConfig } from '../persistence.config.js';
import { loginFaultOf } from './cloudant-fault.js';

/** For a request with its answer; an operation of several has a deadline of its own. */
const REQUEST_MS = 15_000;
/** For a token or a session. Shorter than one try of a request: all others wait for the one who logs in. */
const LOGIN_MS = 3_000;
/**
 * A redirect would carry credentials on to wherever it says. And the client below hands them to an http:// proxy of the
 * environment as they are, instead of asking it for a tunnel.
 */
const DIRECT = { maxRedirects: 0, proxy: false } as const;

/** The SDK's client. It loads only here: nobody with a Postgres waits half a second for it. */
export async function cloudantClient({ url, authentication }: CloudantConfig): Promise<CloudantV1> {
  const { CloudantV1, CouchdbSessionAuthenticator } = await import('@ibm-cloud/cloudant');
  const authenticator = await authenticatorOf(authentication);
  const client = new CloudantV1({ ...DIRECT, authenticator, serviceUrl: url, timeout: REQUEST_MS });
  // It has taken over the client's options.
  if (authenticator instanceof CouchdbSessionAuthenticator) authenticator.configure({ timeout: LOGIN_MS });
  return client;
}

async function authenticatorOf(authentication: CloudantConfig['authentication']) {
  const { BasicAuthenticator, CouchdbSessionAuthenticator, IamAuthenticator } = await import('@ibm-cloud/cloudant');
  if (authentication.type === 'iam') {
    const { apikey, url } = authentication;
    const address = url === undefined ? {} : { url };
    return tellingLogins(new IamAuthenticator({ ...DIRECT, timeout: LOGIN_MS, apikey, ...address }));
  }
  const { username, password } = authentication;
  if (authentication.type === 'basic') return new BasicAuthenticator({ username, password });
  return tellingLogins(new CouchdbSessionAuthenticator({ username, password }));
}

/** Makes failures to log in look different from those of the request that came after. */
function tellingLogins<T extends { authenticate(options: never): Promise<unknown> }>(authenticator: T): T {
  const authenticate = authenticator.authenticate.bind(authenticator);
  authenticator.authenticate = (options: never) =>
    authenticate(options).catch((error: unknown) => {
      throw loginFaultOf(error);
    });
  return authenticator;
}
