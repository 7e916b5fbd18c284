import { describeAuthStrategy } from '../../testing/index.js';
import { ApiKeyStrategy, ApiTokenStrategy, BasicStrategy, BearerStrategy, NoneStrategy } from './index.js';

describeAuthStrategy({ strategy: () => new NoneStrategy(), good: [[{}, {}]], bad: [{ token: 't' }, null, 'none'] });

describeAuthStrategy({
  strategy: () => new BasicStrategy(),
  good: [
    [{ username: 'jürgen', password: 'pa:ss' }, { headers: { authorization: 'Basic asO8cmdlbjpwYTpzcw==' } }],
    [{ username: '', password: 'pat' }, { headers: { authorization: 'Basic OnBhdA==' } }],
    [{ apikey: 'sk_1', password: '' }, { headers: { authorization: 'Basic c2tfMTo=' } }],
  ],
  bad: [
    {},
    { username: '', password: '' },
    { apikey: '', password: 'x' },
    { username: 'a:b', password: 'x' },
    { username: 'a' },
    { password: 'x' },
    { apikey: 'a:b', password: '' },
    { username: 'a', apikey: 'k', password: '' },
  ],
});

describeAuthStrategy({
  strategy: () => new BearerStrategy(),
  good: [
    [{ token: 't' }, { headers: { authorization: 'Bearer t' } }],
    [{ token: 't', auth_prefix: 'apiToken' }, { headers: { authorization: 'apiToken t' } }],
  ],
  bad: [{}, { token: '' }, { token: 'a\r\nhost: evil' }, { username: 'u', password: 'p' }],
});

describeAuthStrategy({
  strategy: () => new ApiTokenStrategy(),
  good: [
    [{ token: 't', auth_prefix: 'apiToken' }, { headers: { authorization: 'apiToken t' } }],
    [{ token: 't' }, { headers: { authorization: 't' } }],
  ],
  bad: [{}, { token: '' }, { token: 't', auth_prefix: 'a\nb' }],
});

describeAuthStrategy({
  strategy: () => new ApiKeyStrategy(),
  good: [
    [{ apikey: 'k' }, { headers: { 'x-api-key': 'k' } }],
    [{ apikey: 'k', auth_prefix: 'X-API-Key' }, { headers: { 'x-api-key': 'k' } }],
    [{ apikey: 'k', auth_prefix: 'Ocp-Apim-Subscription-Key' }, { headers: { 'ocp-apim-subscription-key': 'k' } }],
    [{ apikey: 'k', auth_prefix: 'ApiKey' }, { headers: { authorization: 'ApiKey k' } }],
    [{ apikey: 'k', name: 'X-Token' }, { headers: { 'x-token': 'k' } }],
    [{ apikey: 'k', name: 'X-Token', auth_prefix: 'Key' }, { headers: { 'x-token': 'Key k' } }],
    [{ apikey: 'k', in: 'query', name: 'key' }, { query: { key: 'k' } }],
    [{ apikey: 'k', in: 'cookie', name: 'sid' }, { cookies: { sid: 'k' } }],
  ],
  bad: [
    {},
    { apikey: 'k', in: 'query' },
    { apikey: 'k', in: 'cookie', name: 'a b' },
    { apikey: 'k; path=/', in: 'cookie', name: 'sid' },
    { apikey: 'k', name: 'Host' },
    { apikey: 'k', name: 'Mcp-Session-Id' },
    { apikey: 'k', name: 'bad name' },
    { apikey: 'k', auth_prefix: 'X-Forwarded-Key' },
  ],
});
