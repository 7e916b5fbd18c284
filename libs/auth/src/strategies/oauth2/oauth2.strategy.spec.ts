import { generateKeyPairSync } from 'node:crypto';
import { type StrategyParts, describeRenewingStrategy, oauth2Parts } from '#auth/testing';
import { ConnectLinks } from '../../consent/connect-links.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const private_key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

function strategyOf(parts: StrategyParts): Oauth2Strategy {
  const { finder, tokens, listen } = oauth2Parts(parts);
  return new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
}

describeRenewingStrategy({
  strategy: strategyOf,
  good: (issuer) => {
    const client = { client_id: 'app', client_secret: 'shh-of-the-client', token_url: `${issuer}/token` };
    return [
      client,
      { ...client, refresh_token: 'r' },
      { grant_type: 'token-exchange', token_url: `${issuer}/token`, subject_token: 's', actor_token: 'a' },
      { grant_type: 'jwt-bearer', token_url: `${issuer}/token`, assertion: 'e.y.J' },
      {
        grant_type: 'jwt-bearer',
        token_url: `${issuer}/token`,
        idp_token_url: `${issuer}/token`,
        idp_client_id: 'app',
        idp_client_secret: 'shh-of-the-provider',
        subject_token: 's',
      },
      {},
      { client_id: 'app', private_key },
    ];
  },
  edited: (issuer) => ({ client_id: 'app', client_secret: 'another', token_url: `${issuer}/token` }),
  bad: [{ client_id: 'app', token_url: 'https://issuer.example/token' }],
  issuer: (_request, count) => ({
    body: {
      access_token: `token-number-${count}`,
      token_type: 'bearer',
      expires_in: '3600',
      refresh_token: `next-refresh-${count}`,
    },
  }),
  carried: (count) => ({ headers: { authorization: `Bearer token-number-${count}` } }),
});
