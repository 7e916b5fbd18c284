import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { credentialIn } from './body-credentials.js';
import { curlConfig } from './curl-config.js';

const U = 'https://api.example';
const KEY = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the credential of a curl command', () => {
  it.each([
    ['with no password', `-u ${KEY}:`, ''],
    ['in the address', `--url https://${KEY}:@api.example/x`, ''],
    ['as a header', `-H 'Authorization: Basic ${base64(`${KEY}:`)}'`, ''],
    ['beside x-oauth-basic', `-u ${KEY}:x-oauth-basic`, 'x-oauth-basic'],
    ['beside api_token', `-u ${KEY}:api_token`, 'api_token'],
    ['beside X', `-u ${KEY}:X`, 'X'],
    ['beside anything', `-u ${KEY}:whatever-this-is`, 'whatever-this-is'],
  ])('is a secret where it is a key in the place of the user, %s', (_, said, password) => {
    const { auth_strategy, auth } = curlConfig(`curl ${said} ${said.includes('--url') ? '' : U}`);
    expect({ auth_strategy, auth }).toEqual({ auth_strategy: 'basic', auth: { apikey: KEY, password } });
  });

  it.each([':', ':x-oauth-basic', ':api_token', ':X'])(
    'is a secret beside "%s", whatever it looks like',
    (password) => {
      expect(curlConfig(`curl -u opensesame${password} ${U}`).auth).toMatchObject({ apikey: 'opensesame' });
    },
  );

  it.each([
    ['ann', 'hunter2'],
    ['a', 'b'],
    ['x-oauth-basic', KEY],
    ['ann@example.com/token', KEY],
    ['AnnOfSomeVeryLongCompany', 'hunter2'],
  ])('leaves the name of the user readable: %s', (username, password) => {
    expect(curlConfig(`curl -u '${username}:${password}' ${U}`).auth).toEqual({ username, password });
  });

  it.each([
    ['-u', `-u :${KEY} ${U}`, KEY],
    ['-u, whatever it looks like', `-u :x ${U}`, 'x'],
    ['the address', `https://:${KEY}@api.example/x`, KEY],
    ['a header', `-H 'Authorization: Basic ${base64(`:${KEY}`)}' ${U}`, KEY],
  ])('is the password where no user stands before it, in %s', (_, said, password) => {
    const { auth_strategy, auth } = curlConfig(`curl ${said}`);
    expect({ auth_strategy, auth }).toEqual({ auth_strategy: 'basic', auth: { username: '', password } });
  });

  it.each([
    ['-u ann', 'must be user:password'],
    ['-u :', 'are empty'],
    [`-H 'Authorization: Basic ${base64(':')}'`, 'are empty'],
    ['-u :{{token}}', 'a parameter stands in its credentials'],
  ])('makes the command refused where it is none: %s', (said, why) => {
    expect(() => curlConfig(`curl ${said} ${U}`)).toThrow(why);
  });

  it.each<[string, string, object]>([
    [
      'a key of the request, in a header',
      `curl -u ${KEY}: -H 'Idempotency-Key: KG5LxwFBepaKHyUD' ${U}`,
      { auth: { apikey: KEY }, headers: { 'idempotency-key': 'KG5LxwFBepaKHyUD' } },
    ],
    [
      'what a list is sorted by',
      `curl -H 'Authorization: Bearer ${KEY}' '${U}/a?sort_key=name&user_key=name'`,
      { auth: { token: KEY }, request: { path: '/a?sort_key=name&user_key=name' } },
    ],
    [
      'the next page',
      `curl -H 'Authorization: Bearer ${KEY}' '${U}/a?page_token=Cg0SBwjA8K+4'`,
      { auth: { token: KEY }, request: { path: '/a?page_token=Cg0SBwjA8K+4' } },
    ],
    [
      'keys of a table',
      `curl '${U}/a?partition_key=a1b2c3d4e5&sort_key=b'`,
      { auth: {}, request: { path: '/a?partition_key=a1b2c3d4e5&sort_key=b' } },
    ],
    [
      'another key in a header, whichever comes first',
      `curl -H 'apikey: ${KEY}' -H 'Authorization: Bearer ${KEY}' ${U}`,
      { auth: { token: KEY }, headers: { apikey: KEY } },
    ],
    [
      'nothing else',
      `curl '${U}/a?user_key=name&b=1'`,
      { auth: { apikey: 'name', in: 'query' }, request: { path: '/a?b=1' } },
    ],
    [
      'a likely name in a header, which is sealed anyway',
      `curl -H 'X-Session: s1' '${U}/a?user_key=name'`,
      { auth: { name: 'user_key' }, headers: { 'x-session': 's1' }, request: { path: '/a' } },
    ],
  ])('is found beside %s', (_, command, wanted) => {
    expect(curlConfig(command)).toMatchObject(wanted);
  });
});

describe('a credential in a body', () => {
  it.each<[name: string, text: string, type: string]>([
    ['password', '{"a":{"b":[{"password":"hunter2"}]}}', 'application/json'],
    ['password', '{"\\u0070assword":"hunter2"}', 'application/json'],
    ['password', '{"n":{{n}},"password":"hunter2"}', ''],
    ['password', '{"body":"{\\"password\\":\\"hunter2\\"}"}', ''],
    ['password', '["<login password=\'hunter2\'/>"]', ''],
    ['api_key', '{"a":1}\n{"api_key":"{{k}}"}', 'application/x-ndjson'],
    ['token', '{"t":"\\\\","token" : "hunter2"}', ''],
    ['password', 'payload=%7B%22password%22%3A%22hunter2%22%7D', 'application/x-www-form-urlencoded'],
    ['password', '<a><password>hunter2</password></a>', 'text/xml'],
    ['Password', '<s:Envelope><wsse:Password Type="x">hunter2</wsse:Password></s:Envelope>', ''],
    ['token', '<a><token><![CDATA[hunter2]]></token></a>', ''],
    ['userToken', "<a b='1' userToken='hunter2'/>", ''],
    ['password', '<param name="password">hunter2</param>', ''],
    ['api-key', '<add key="api-key" value="hunter2"/>', ''],
  ])('is found: %s in %s', (name, text, type) => {
    expect(credentialIn(text, type)).toBe(name);
  });

  it.each<[text: string, type: string]>([
    ['{"token":"{{t}}","max_token":100,"tokens":["a"],"secret":""}', ''],
    ['{"query":{"match":{"title":"password"}},"pageToken":"abc"}', ''],
    ['token={{t}}&sort=key', 'application/x-www-form-urlencoded'],
    ['<a xmlns:token="urn:x"><token>{{t}}</token><b>password</b></a>', ''],
    ['say "password" or <b>', ''],
  ])('is not seen in %s', (text, type) => {
    expect(credentialIn(text, type)).toBeUndefined();
  });

  it.each([
    [`-F 'meta={"password":"hunter2hunter"};type=application/json'`, '"password" in its body'],
    [`--form-string 'meta={"password":"hunter2hunter"}'`, '"password" in its body'],
    [`-F 'meta="<a><password>hunter2</password></a>";type=text/xml'`, '"password" in its body'],
    [`-d '<a><password>hunter2</password></a>' -H 'Content-Type: text/xml'`, '"password" in its body'],
    [`-G --data-urlencode 'where={"password":"hunter2"}'`, '"password" in a value of its query'],
  ])('makes the command refused: %s', (said, why) => {
    expect(() => curlConfig(`curl ${U} ${said}`)).toThrow(why);
  });

  it('is looked for in linear time', () => {
    for (const part of ['"\\', '"a":', '<a b="', '<a ', 'a', '{"a":"{', '":"\\"', ' ', 'a=', "<'"]) {
      const read = (size: number) => void credentialIn(part.repeat(size / part.length), 'text/xml');
      expect(costRatio(read, [7_500, 60_000])).toBeLessThan(32);
    }
  });
});
