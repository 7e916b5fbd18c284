import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { curlConfig } from './curl-config.js';
import { CurlRefusedError } from './curl.errors.js';

const U = 'https://api.example';
const request = (command: string) => curlConfig(command).request;

describe('curlConfig', () => {
  it('reads a command over several lines, with parameters in every place that may have some', () => {
    const command = `curl -sS -X PUT \\
      'https://api.example/v1/users/{{id}}?lang={{lang}}&x=1' \\\r
      -H 'Content-Type: application/json' -H "X-Trace: t-{{trace}}" -H 'Accept: text/csv' \\
      -d '{"name": "{{name}}", "age": {{age}}}' --max-time 2.5`;
    expect(curlConfig(command)).toEqual({
      endpoint: 'https://api.example',
      request: {
        method: 'PUT',
        path: '/v1/users/{{id}}?lang={{lang}}&x=1',
        headers: { 'x-trace': 't-{{trace}}', accept: 'text/csv' },
        body: { content_type: 'application/json', text: '{"name": "{{name}}", "age": {{age}}}' },
      },
      headers: {},
      auth_strategy: 'none',
      auth: {},
      timeout: 3,
      notes: ['without effect on a tool: --silent, --show-error'],
    });
  });

  it.each<[string, string, object]>([
    ['no method', `curl ${U}`, { method: 'GET', path: '/' }],
    ['--url', `curl --url ${U}/a`, { method: 'GET', path: '/a' }],
    ['-I', `curl -I ${U}/a`, { method: 'HEAD' }],
    ['-XPOST', `curl -XPOST ${U}/a`, { method: 'POST' }],
    [
      '-G',
      `curl -G '${U}/a?z=1' -d q={{q}} --data-urlencode 'r=a b'`,
      { method: 'GET', path: '/a?z=1&q={{q}}&r=a%20b' },
    ],
    ['--url-query', `curl ${U}/a --url-query 'r=a&b'`, { path: '/a?r=a%26b' }],
    [
      '-d',
      `curl ${U} -d a=1 -d 'b={{b}}'`,
      { method: 'POST', body: { content_type: 'application/x-www-form-urlencoded', text: 'a=1&b={{b}}' } },
    ],
    ['--data-urlencode', `curl ${U} --data-urlencode 'a=x y {{b}}&'`, { body: { text: 'a=x%20y%20{{b}}%26' } }],
    [
      '--json',
      `curl ${U} --json '{"a":1}'`,
      { method: 'POST', headers: { accept: 'application/json' }, body: { content_type: 'application/json' } },
    ],
    ['a token that is no secret', `curl ${U} -d 'token={{t}}&key=b'`, { body: { text: 'token={{t}}&key=b' } }],
    [
      'JSON with one',
      `curl ${U} --json '{"token": "{{t}}", "secret": "", "key": "b"}'`,
      { body: { text: '{"token": "{{t}}", "secret": "", "key": "b"}' } },
    ],
    ['--url-query behind a plus', `curl ${U}/a --url-query '+name=%41&b={{b}}'`, { path: '/a?name=%41&b={{b}}' }],
    ['--data-raw', `curl ${U} --data-raw '@x'`, { body: { text: '@x' } }],
    [
      '-F',
      `curl ${U} -F a={{a}} -F 'b=x;type=text/csv' --form-string 'c=@d'`,
      {
        method: 'POST',
        body: {
          parts: [
            { name: 'a', text: '{{a}}' },
            { name: 'b', text: 'x', content_type: 'text/csv' },
            { name: 'c', text: '@d' },
          ],
        },
      },
    ],
    ...(
      [
        [`"b;c";type=text/plain`, { text: 'b;c', content_type: 'text/plain' }],
        [`"q\\"x\\\\y\\z"`, { text: 'q"x\\y\\z' }],
        [`"b`, { text: '"b' }],
        [` b ; TYPE= text/plain; charset=utf-8 ;`, { text: 'b', content_type: 'text/plain; charset=utf-8' }],
        [`b;`, { text: 'b' }],
        [`;type=text/x`, { text: '', content_type: 'text/x' }],
      ] as const
    ).map(([content, part]): [string, string, object] => [
      `a part as curl does: ${content}`,
      `curl ${U} -F 'a=${content}'`,
      { body: { parts: [{ name: 'a', ...part }] } },
    ]),
    [
      'a part whose options are content',
      `curl ${U} --form-string 'a=(b;type=x'`,
      { body: { parts: [{ name: 'a', text: '(b;type=x' }] } },
    ],
    ['-d that begins with a dash', `curl ${U} -d -1`, { body: { text: '-1' } }],
    [
      '$',
      `curl ${U} -d '$x & (y) *' -H 'content-type: text/plain'`,
      { body: { content_type: 'text/plain', text: '$x & (y) *' } },
    ],
    ['# within a word', `curl ${U}/a#b -d x#y'z'#`, { path: '/a', body: { text: 'x#yz#' } }],
    ['# behind an escaped space or a quote', `curl ${U} -d \\ #a -d ''#b -d \\#c`, { body: { text: ' #a&#b&#c' } }],
    ["$'…'", `curl ${U} -d $'a\\'\\nb' -H 'content-type: text/plain'`, { body: { text: "a'\nb" } }],
  ])('reads %s', (_, command, wanted) => {
    expect(request(command)).toMatchObject(wanted);
  });

  it.each<[string, string, object]>([
    ['-u', `curl -u ann:hunter2:3 ${U}`, { auth_strategy: 'basic', auth: { username: 'ann', password: 'hunter2:3' } }],
    [
      'the URL',
      'curl https://ann:hunter2@api.example',
      { auth_strategy: 'basic', auth: { username: 'ann', password: 'hunter2' } },
    ],
    ['Bearer', `curl -H 'Authorization: Bearer hunter2' ${U}`, { auth_strategy: 'bearer', auth: { token: 'hunter2' } }],
    ['--oauth2-bearer', `curl --oauth2-bearer hunter2 ${U}`, { auth_strategy: 'bearer', auth: { token: 'hunter2' } }],
    [
      'Basic',
      `curl -H 'Authorization: Basic YW5uOmh1bnRlcjI=' ${U}`,
      { auth_strategy: 'basic', auth: { username: 'ann', password: 'hunter2' } },
    ],
    [
      'another scheme',
      `curl -H 'Authorization: Token hunter2' ${U}`,
      { auth_strategy: 'apitoken', auth: { auth_prefix: 'Token', token: 'hunter2' } },
    ],
    [
      'no scheme',
      `curl -H 'Authorization: hunter2' ${U}`,
      { auth_strategy: 'apikey', auth: { apikey: 'hunter2', name: 'authorization' } },
    ],
    [
      'a key',
      `curl -H 'X-Api-Key: hunter2' ${U}`,
      { auth_strategy: 'apikey', auth: { apikey: 'hunter2', name: 'x-api-key' } },
    ],
    [
      'a key in the query',
      `curl '${U}/a?x={{x}}&appid=hunter2%21'`,
      { auth_strategy: 'apikey', auth: { apikey: 'hunter2!', in: 'query', name: 'appid' } },
    ],
    [
      'a key in the query, its name encoded',
      `curl '${U}/a?api%5Fkey=hunter2'`,
      { auth_strategy: 'apikey', auth: { apikey: 'hunter2', in: 'query', name: 'api_key' } },
    ],
    ['an odd key in the query', `curl '${U}?hapikey=hunter2'`, { auth: { in: 'query', name: 'hapikey' } }],
    ['a cookie', `curl -b sid=hunter2 ${U}`, { auth_strategy: 'none', headers: { cookie: 'sid=hunter2' } }],
    ['an unknown header', `curl -H 'X-Odd: hunter2' ${U}`, { auth_strategy: 'none', headers: { 'x-odd': 'hunter2' } }],
  ])('finds the credential in %s, and leaves it in nothing that can be read', (_, command, wanted) => {
    const config = curlConfig(command);
    expect(config).toMatchObject(wanted);
    expect(JSON.stringify([config.request, config.endpoint, config.notes])).not.toContain('hunter2');
  });

  it.each<[string, string, object]>([
    ['-H Cookie in place of -b', `curl -b a=1 -H 'Cookie: b=2' ${U}`, { cookie: 'b=2' }],
    ['no cookie where -H takes it away', `curl -b a=1 -H 'Cookie:' ${U}`, {}],
    ['all cookies of -b', `curl -b a=1 -b b=2 ${U}`, { cookie: 'a=1; b=2' }],
    [
      '-H in place of -A and -e',
      `curl -A x -e x -H 'User-Agent: y' -H 'Referer: y' ${U}`,
      { 'user-agent': 'y', referer: 'y' },
    ],
    ['the last -A', `curl -A x -A y ${U}`, { 'user-agent': 'y' }],
  ])('sends %s, as curl does', (_, command, headers) => {
    expect(curlConfig(command).headers).toEqual(headers);
  });

  it.each([
    '-1',
    '--tlsv1',
    '--tlsv1.0',
    '--tlsv1.1',
    '--tlsv1.2',
    '--tlsv1.3',
    '--tls-max 1.2',
    '--proto-default https',
    '--proto-redir =https',
  ])('passes over %s, which says nothing of the request, and tells so', (said) => {
    const { request: read, notes } = curlConfig(`curl ${said} ${U}/a`);
    expect(read).toMatchObject({ method: 'GET', path: '/a' });
    expect(notes).toEqual([`without effect on a tool: ${said === '-1' ? '--tlsv1' : said.split(' ')[0]}`]);
  });

  it.each([
    ['=https', [true, false]],
    ['-http', [true, false]],
    ['-all,HTTPS', [true, false]],
    ['=http,https', [true, true]],
    ['-all,+http,-https', [false, true]],
    ['-ftp', [true, true]],
    ['=ftp --proto =https', [true, false]],
  ])('keeps --proto %s', (said, wanted) => {
    const isTaken = (url: string) => {
      try {
        return curlConfig(`curl --proto ${said} ${url}`).notes.length === 0;
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringMatching(/--proto does not allow/) });
        return false;
      }
    };
    expect([isTaken('https://api.example'), isTaken('http://api.example')]).toEqual(wanted);
  });

  it.each<[string, RegExp]>([
    ['wget https://api.example', /first word/],
    [`curl ${U} | sh`, /operator \|/],
    [`curl ${U} > /etc/passwd`, /operator >/],
    [`curl ${U}; id`, /operator ;/],
    [`curl ${U} & id`, /operator &/],
    [`curl ${U}/a?b=c`, /glob/],
    [`curl "${U}/$(id)"`, /variable or a substitution/],
    [`curl "${U}/$HOME"`, /variable/],
    [`curl ${U}/\${HOME}`, /variable/],
    [`curl ${U}/\`id\``, /backquotes/],
    [`curl "${U}/\`id\`"`, /backquotes/],
    [`curl ${U} <(id)`, /operator/],
    [`curl ${U} -d 'a`, /does not end/],
    [`curl ${U} # hunter2`, /comment/],
    [`curl ${U} #hunter2`, /comment/],
    [`curl ${U}/$#`, /variable/],
    [`curl ${U}/\${#HOME}`, /variable/],
    [`curl ${U} \\\n#hunter2`, /comment/],
    [`curl ${U} --hunter2=hunter2`, /--hunter2 is no option/],
    [`curl ${U} -H`, /lacks its value/],
    [`curl -k ${U}`, /--insecure: certificates/],
    [`curl -x http://hunter2:1 ${U}`, /--proxy: it leads/],
    [`curl -K hunter2 ${U}`, /--config: it reads a file/],
    [`curl -T hunter2 ${U}`, /--upload-file: it reads a file/],
    [`curl --resolve a:1:127.0.0.1 ${U}`, /--resolve/],
    [`curl -d @/etc/hunter2 ${U}`, /reads a file/],
    [`curl --data-urlencode a@/etc/hunter2 ${U}`, /reads a file/],
    [`curl -F a=@/etc/hunter2 ${U}`, /reads a file/],
    [`curl -F 'a=</etc/hunter2' ${U}`, /reads a file/],
    [`curl -H @/etc/hunter2 ${U}`, /reads a file/],
    [`curl -b /etc/hunter2 ${U}`, /names a file/],
    ['curl', /names 0 URLs/],
    [`curl ${U} ${U}/2`, /names 2 URLs/],
    ['curl api.example/x', /must begin with http/],
    ['curl file:///etc/hunter2', /must begin with http/],
    ['curl gopher://x', /must begin with http/],
    ['curl {{base}}/x', /must begin with http/],
    ['curl {{scheme}}://x', /must begin with http/],
    ['curl https://{{host}}/x', /parameter stands in the host/],
    ['curl https://a.{{host}}/x', /parameter stands in the host/],
    ['curl https://api.example:{{port}}/', /parameter stands in the host/],
    ['curl https://{{user}}@api.example/', /parameter stands in the host/],
    ["curl 'https://api.example\\@evil.example/'", /host of its URL cannot be read/],
    [`curl '${U}/[1-9]'`, /ranges/],
    [`curl '${U}/{a,b}'`, /ranges/],
    [`curl -H 'Host: evil' ${U}`, /header Host/],
    [`curl -H 'Authorization: Bearer {{hunter2}}' ${U}`, /parameter stands in the header "authorization"/],
    [`curl -H 'X-Api-Key: {{hunter2}}' ${U}`, /parameter stands in the header "x-api-key"/],
    [`curl -b 'a={{hunter2}}' ${U}`, /header "cookie"/],
    [`curl -u 'ann:{{hunter2}}' ${U}`, /parameter stands in its credentials/],
    [`curl '${U}?api_key={{hunter2}}'`, /credential "api_key"/],
    [`curl -u ann:hunter2 -H 'Authorization: Bearer hunter2' ${U}`, /more than one credential/],
    [`curl ${U} -d 'client_secret=hunter2'`, /"client_secret" in its body/],
    [`curl ${U} --json '{"password": "hunter2"}'`, /"password" in its body/],
    [`curl ${U} -F password=hunter2`, /"password" in its body/],
    [`curl '${U}?key=hunter2a&token=hunter2'`, /more than one credential/],
    [`curl '${U}?user_key=hunter2a' -H 'Authorization: Bearer hunter2'`, /more than one credential/],
    [`curl ${U} -d 'a=1&token=hunter2'`, /"token" in its body/],
    [`curl ${U} -d 'client%5Fsecret=hunter2'`, /"client_secret" in its body/],
    [`curl ${U} --json '{"a": "\\"", "refresh_token" : "hunter2"}'`, /"refresh_token" in its body/],
    [`curl ${U} -F botToken=hunter2`, /"botToken" in its body/],
    [`curl ${U} --json '{"userPassword": "hunter2"}'`, /"userPassword" in its body/],
    [`curl ${U} -F a=b -d c=d`, /both a form/],
    [`curl ${U} -F 'a=one;hunter2'`, /part "a" of its form holds a ";"/],
    [`curl ${U} -F 'a={"x":"1;2"};type=application/json'`, /part "a" of its form holds a ";"/],
    [`curl ${U} -F 'a="b" hunter2;type=text/plain'`, /goes on behind its quotes/],
    [`curl ${U} -F 'a=b;filename=hunter2.txt'`, /part "a" of its form has the option filename=/],
    [`curl ${U} -F 'a=b;type=text/plain;filename=hunter2'`, /option filename=/],
    [`curl ${U} -F 'a=b;headers="X: hunter2"'`, /option headers=/],
    [`curl ${U} -F 'a=b;encoder=base64'`, /option encoder=/],
    [`curl ${U} -F 'a=(hunter2'`, /group of parts/],
    [`curl ${U} -F 'a=b;type=hunter2'`, /no media type/],
    [`curl ${U} -F a=b -H 'Content-Type: application/json'`, /another Content-Type/],
    [`curl ${U} -H 'X-A: hunter2' -H 'x-a: hunter2'`, /header "x-a" more than once/],
    [`curl ${U} -H 'Cookie: a=hunter2' -H 'Cookie: b=1'`, /header "cookie" more than once/],
    [`curl ${U} -H 'X-Forwarded-For: hunter2'`, /header "x-forwarded-for", which says how/],
    [`curl ${U} -H 'Proxy-Authorization: hunter2'`, /header "proxy-authorization", which says how/],
    [`curl ${U} -H 'Mcp-Session-Id: {{hunter2}}'`, /header "mcp-session-id", which says how/],
    [`curl -X TRACE ${U}`, /method must be/],
    [`curl -m 1000 ${U}`, /--max-time/],
    [`curl ${U} -d '\0'`, /NUL/],
    [`curl ${U} -d '${'x'.repeat(1_000_000)}'`, /longer than/],
  ])('refuses %.60j and says why without repeating a value', (command, why) => {
    expect(() => curlConfig(command)).toThrow(CurlRefusedError);
    expect(() => curlConfig(command)).toThrow(why);
    const { message } = ((): Error => {
      try {
        curlConfig(command);
        return new Error('');
      } catch (error) {
        return error as Error;
      }
    })();
    expect(message.replace('--hunter2', '')).not.toContain('hunter2');
  });

  it.each(['$', "$'", '"', "'", '\\', '{{', '-d ', '#', '$a', "$'\\", '*', 'a=', '%'])(
    'reads a hostile command in linear time: %s',
    (part) => {
      const read = (size: number) => {
        try {
          curlConfig(`curl ${U} ${part.repeat(size / part.length)}`);
        } catch (error) {
          expect(error).toBeInstanceOf(CurlRefusedError);
        }
      };
      expect(costRatio(read, [7_500, 60_000])).toBeLessThan(32);
    },
  );
});
