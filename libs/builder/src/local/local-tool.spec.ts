import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import fc from 'fast-check';
import type { LocalTool as Settings } from '#registry';
import { isToolDefinition } from '../mcp/definitions.js';
import { LocalTool } from './local-tool.js';

const endpoint = new URL('https://api.example/v2');
const settings = (more: Partial<Settings>): Settings => ({
  name: 'get',
  description: 'Gets.',
  method: 'GET',
  path: '/things',
  headers: {},
  ...more,
});
const tool = (more: Partial<Settings>) =>
  new LocalTool(settings(more), { endpoint, mask: (text) => text, place: 'tools.0' });
const json = (text: string) => ({ method: 'POST' as const, body: { content_type: 'application/json', text } });
const form = (text: string) => ({
  method: 'POST' as const,
  body: { content_type: 'application/x-www-form-urlencoded', text },
});

describe('LocalTool', () => {
  it('is a tool whose arguments are what its texts name', () => {
    const { definition } = tool({
      path: '/a/{{id}}?q={{q}}',
      headers: { 'X-Trace': '{{ trace }}' },
      ...json('{"n":{{n}},"t":"{{q}}","m":{{id}}}'),
    });
    const read = JSON.parse(definition) as Record<string, unknown>;
    expect(isToolDefinition(read)).toBe(true);
    expect(read['inputSchema']).toEqual({
      type: 'object',
      properties: { n: {}, id: { type: 'string' }, q: { type: 'string' }, trace: { type: 'string' } },
      required: ['n', 'id', 'q', 'trace'],
      additionalProperties: false,
    });
    expect(read['annotations']).toMatchObject({ readOnlyHint: false, destructiveHint: true });
  });

  it('writes each value as its place wants it', () => {
    const sent = tool({
      path: '/c/{{id}}.json?q=in {{q}}&fixed=%C3%A9é&flag',
      headers: { Accept: 'text/csv', 'X-Trace': 'n {{q}}' },
    }).requestFor({ id: 'a b;c', q: 'x&y=1#é' });
    expect(sent).toEqual({
      method: 'GET',
      path: '/v2/c/a%20b%3Bc.json?q=in%20x%26y%3D1%23%C3%A9&fixed=%C3%A9%C3%A9&flag',
      headers: { accept: 'text/csv', 'x-trace': 'n x&y=1#é' },
    });
  });

  it('puts any value into JSON, and parts of texts as text', () => {
    const text = '{"big":12345678901234567890,"t":"<{{t}}>","v":{{v}},"again":[{{v}}]}';
    const { body, headers } = tool(json(text)).requestFor({ t: 'a"},"x":"\n\u2028', v: { __proto__: 1, a: ['"'] } });
    expect(headers['content-type']).toBe('application/json');
    expect(String(body)).toContain('"big":12345678901234567890');
    expect(JSON.parse(String(body))).toMatchObject({
      t: '<a"},"x":"\n\u2028>',
      v: { a: ['"'] },
      again: [{ a: ['"'] }],
    });
    expect(Object.keys(JSON.parse(String(body)) as object)).toEqual(['big', 't', 'v', 'again']);
  });

  it('writes values of forms, of several parts, of XML and of plain text', () => {
    expect(tool(form('a={{a}}&b=1')).requestFor({ a: 'x&b=2 é' }).body).toBe('a=x%26b%3D2%20%C3%A9&b=1');
    const parts = [{ name: 'a"b', text: '{{a}}', content_type: 'text/plain' }];
    const { body, headers } = tool({ method: 'POST', body: { parts } }).requestFor({ a: '\r\n--x\r\n' });
    expect(headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    const boundary = headers['content-type']!.split('=')[1]!;
    expect(String(body).split(`--${boundary}`)).toHaveLength(3);
    const xml = { content_type: 'application/soap+xml; charset=utf-8', text: '<a b="{{a}}">{{a}}</a>' };
    expect(tool({ method: 'POST', body: xml }).requestFor({ a: `"<&'>` }).body).toBe(
      '<a b="&quot;&lt;&amp;&apos;&gt;">&quot;&lt;&amp;&apos;&gt;</a>',
    );
    const plain = { content_type: 'text/plain', text: 'say {{a}}' };
    expect(tool({ method: 'POST', body: plain }).requestFor({ a: '{{b}}' }).body).toBe('say {{b}}');
  });

  describe('a value in a text within a body', () => {
    const partOf = (text: string, content_type?: string) => {
      const parts = [{ name: 'meta', text, ...(content_type === undefined ? {} : { content_type }) }];
      return (args: object) => {
        const sent = String(tool({ method: 'POST', body: { parts } }).requestFor({ ...args }).body);
        return /\r\n\r\n(.*)\r\n--composer/s.exec(sent)![1]!;
      };
    };
    const bodyOf = (text: string, content_type: string) => (args: object) =>
      String(tool({ method: 'POST', body: { content_type, text } }).requestFor({ ...args }).body);
    const naughty = 'x","role":"admin"}\n{"delete":{}}\u001e</t>&';

    it.each<[string, (args: object) => string]>([
      ['a part of JSON', partOf('{"t":"{{t}}","n":{{n}}}', 'application/json')],
      ['a part that says no type', partOf('{"t":"{{t}}","n":{{n}}}')],
      ['a part of plain text that is JSON', partOf('[{"t":"{{t}}","n":{{n}}}]', 'text/plain; charset=utf-8')],
      ['plain text that is JSON', bodyOf('{"t":"{{t}}","n":{{n}}}', 'text/plain')],
    ])('stays a value of JSON in %s', (_, send) => {
      const sent = JSON.parse(send({ t: naughty, n: { a: naughty } })) as unknown;
      expect(Array.isArray(sent) ? sent[0] : sent).toEqual({ t: naughty, n: { a: naughty } });
    });

    it.each<[string, string, (args: object) => string]>([
      ['application/x-ndjson', '\n', bodyOf('{"index":{}}\n{"t":"{{t}}","n":{{n}}}\n', 'application/x-ndjson')],
      ['application/jsonl in a part', '\n', partOf('{"index":{}}\r\n{"t":"{{t}}","n":{{n}}}\n', 'application/jsonl')],
      ['a part that says no type', '\n', partOf('{"index":{}}\n{"t":"{{t}}","n":{{n}}}')],
      [
        'application/json-seq',
        '\u001e',
        bodyOf('\u001e{"index":{}}\n\u001e{"t":"{{t}}",\n"n":{{n}}}\n', 'application/json-seq'),
      ],
    ])('stays in its JSON of several in %s', (_, separator, send) => {
      const sent = send({ t: naughty, n: [naughty] })
        .split(separator)
        .filter((text) => text.trim() !== '');
      expect(sent.map((text) => JSON.parse(text) as unknown)).toEqual([{ index: {} }, { t: naughty, n: [naughty] }]);
    });

    it.each<[string, (args: object) => string]>([
      ['a form', bodyOf('payload={"t":"{{t}}", "n":{{n}}}&x={{t}}', 'application/x-www-form-urlencoded')],
      [
        'a form that is encoded',
        bodyOf('payload=%7B%22t%22:%22{{t}}%22,+"n":{{n}}%7D&x={{t}}', 'application/x-www-form-urlencoded'),
      ],
      [
        'a query',
        (args) =>
          tool({ path: '/a?payload={"t":"{{t}}","n":{{n}}}&x={{t}}' })
            .requestFor({ ...args })
            .path.split('?')[1]!,
      ],
    ])('stays a value of JSON in %s', (_, send) => {
      const pairs = new URLSearchParams(send({ t: naughty, n: { a: { b: naughty } } }));
      expect([...pairs.keys()]).toEqual(['payload', 'x']);
      expect(JSON.parse(pairs.get('payload')!)).toEqual({ t: naughty, n: { a: { b: naughty } } });
      expect(pairs.get('x')).toBe(naughty);
    });

    it('makes no place holder of braces that were written encoded', () => {
      const send = bodyOf('p={"t":"{{t}}","u":"%7B%7Bu%7D%7D"}', 'application/x-www-form-urlencoded');
      expect(send({ t: 'x' })).toBe('p={"t":"x","u":"%7B%7Bu%7D%7D"}');
    });

    it('stays in its place in a part of XML, and in one that is a form', () => {
      expect(partOf('<t>{{t}}</t>', 'application/xml')({ t: '</t><admin a="&"/>' })).toBe(
        '<t>&lt;/t&gt;&lt;admin a=&quot;&amp;&quot;/&gt;</t>',
      );
      expect(partOf('a={{t}}', 'application/x-www-form-urlencoded')({ t: 'x&b=1' })).toBe('a=x%26b%3D1');
      expect(partOf('say "{{t}}"')({ t: '"{{n}}"' })).toBe('say ""{{n}}""');
    });

    it.each([
      ['<a>{{t}}<![CDATA[{{t}}]]>{{t}}</a>', 'a&b', '<a>a&amp;b<![CDATA[a&b]]>a&amp;b</a>'],
      ['<![CDATA[<b>{{t}}</b>]]>', ']]><c/>', '<![CDATA[<b>]]]]><![CDATA[><c/></b>]]>'],
      ['<![CDATA[{{t}}{{t}}> ]{{t}}>]]>', ']', '<![CDATA[]]]]><![CDATA[> ]]]]><![CDATA[>]]>'],
      ['<![CDATA[{{t}}]]>', ']]', '<![CDATA[]]]]>'],
      ['<![CDATA[<!--]]>{{t}}<!-- <![CDATA[ {{t}} ]]> -->', '&', '<![CDATA[<!--]]>&amp;<!-- <![CDATA[ &amp; ]]> -->'],
      ['<?x <![CDATA[ {{t}}?>{{t}}', '?>', '<?x <![CDATA[ ?&gt;?>?&gt;'],
      ['<!--{{t}}-->', '--><x/>', '<!--&#45;-&gt;&lt;x/&gt;-->'],
      ['<!-- -{{t}}> a-b {{t}}-->', '-', '<!-- -&#45;> a-b &#45;-->'],
      ['<!-- {{t}} -->', 'a-b', '<!-- a-b -->'],
      ['<![CDATA[{{t}}', ']]>&', '<![CDATA[]]]]><![CDATA[>&'],
    ])('is written as its place in XML wants it: %s with %s', (text, t, wanted) => {
      expect(bodyOf(text, 'application/soap+xml')({ t })).toBe(wanted);
    });

    it('has entities in a section of HTML, which is a comment there', () => {
      expect(bodyOf('<![CDATA[{{t}}]]>', 'text/html')({ t: '><b>' })).toBe('<![CDATA[&gt;&lt;b&gt;]]>');
    });
  });

  it.each([
    ['..', /id: must not be \. or \.\./],
    ['.', /id/],
    ['%2e%2e', /id/],
    ['..;x', /id/],
    ['a/b', /id: must not hold/],
    ['a%2fb', /id/],
    ['a%252fb', /id/],
    ['a\\b', /id/],
    ['a?b', /id/],
    ['a#b', /id/],
    ['a\r\nb', /id/],
    ['\0', /id/],
    ['', /id: must not be empty/],
    ['\ud800', /id: holds half/],
    ['\uff0e\uff0e', /id/],
    ['x'.repeat(5_000), /id: must be at most/],
    [null, /id: must be text/],
    [['a'], /id: must be text/],
    [undefined, /id: is required/],
  ])('lets no value leave its segment: %j', (id, message) => {
    expect(() => tool({ path: '/a/{{id}}/b' }).requestFor(id === undefined ? {} : { id })).toThrow(message);
  });

  it('sends slashes that were written encoded, and takes none from a value', () => {
    const one = tool({ path: '/projects/{{group}}%2F{{id}}/x%2Fy' });
    expect(one.requestFor({ group: 'a', id: 'b c' }).path).toBe('/v2/projects/a%2Fb%20c/x%2Fy');
    for (const id of ['..', 'a/b', 'a%2Fb', '%2F', '', '..;x', '%252e%252e']) {
      expect(() => one.requestFor({ group: 'a', id })).toThrow(/id: must not/);
    }
  });

  it.each([
    ['/a/b%2F.{{id}}', '.'],
    ['/a/b%2F.{{id}}/c', ';x'],
    ['/a/.{{id}}/b', ';x'],
    ['/a/.{{id}}', '.'],
    ['/a/{{id}}{{id}}/b', '.'],
  ])('lets no value make a dot segment of what stands beside it: %s', (path, id) => {
    expect(() => tool({ path }).requestFor({ id })).toThrow(/id/);
  });

  it.each(['a\r\nb: c', 'a\nb', '\0', 'x'.repeat(20_000), '\u0100'])('lets no value end a header line: %#', (q) => {
    expect(() => tool({ headers: { 'x-q': 'v {{q}}' } }).requestFor({ q })).toThrow(/q: must be/);
  });

  it('keeps every value of a query in its pair', () => {
    const naughty = ['&x=1', '#', '%26', '+', '=', '?', '/../..', '\r\n', '\u2028', '\'"<>', '{{id}}'];
    for (const q of naughty) {
      const { path } = tool({ path: '/a?q={{q}}&z=1' }).requestFor({ q });
      const { pathname, searchParams, hash } = new URL(path, 'https://x.example');
      expect({ pathname, hash, pairs: [...searchParams] }).toEqual({
        pathname: '/v2/a',
        hash: '',
        pairs: [
          ['q', q],
          ['z', '1'],
        ],
      });
    }
  });

  it('keeps whatever it is given in its place, or refuses it', () => {
    const one = tool({
      path: '/a/{{v}}/x-{{v}}.json?q={{v}}&z=1',
      headers: { 'x-q': 'v {{v}}' },
      ...json('{"t":"<{{v}}>","z":1}'),
    });
    const values = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc
        .array(
          fc.constantFrom('.', '..', '%2e', '%252e', '/', '\\', ';', '?', '#', '%', '\r\n', '"', '{{v}}', '&', 'a'),
        )
        .map((parts) => parts.join('')),
    );
    let sent = 0;
    fc.assert(
      fc.property(values, (v) => {
        let request: ReturnType<typeof one.requestFor>;
        try {
          request = one.requestFor({ v });
        } catch (error) {
          expect(error).toMatchObject({ code: 'COMPOSER_OPENAPI_INVALID_ARGUMENTS' });
          return;
        }
        sent += 1;
        const { origin, pathname, searchParams, hash } = new URL(request.path, 'https://x.example');
        expect([origin, pathname.split('/').length, hash]).toEqual(['https://x.example', 5, '']);
        expect([...searchParams]).toEqual([
          ['q', v],
          ['z', '1'],
        ]);
        expect(decodeURIComponent(pathname)).toBe(`/v2/a/${v}/x-${v}.json`);
        expect(request.headers['x-q']).toMatch(/^[^\r\n\0]*$/);
        expect(JSON.parse(String(request.body))).toEqual({ t: `<${v}>`, z: 1 });
      }),
      { numRuns: 1_000 },
    );
    expect(sent).toBeGreaterThan(20);
  });

  it('takes no argument that it does not know, and reads none from a prototype', () => {
    const one = tool({ path: '/a?q={{toString}}' });
    expect(() => one.requestFor({})).toThrow(/toString: is required/);
    expect(() => one.requestFor({ toString: 'x', other: 1 })).toThrow(/other: is not an argument/);
    expect(() => one.requestFor(JSON.parse('{"toString":"x","__proto__":1}') as Record<string, unknown>)).toThrow(
      /__proto__: is not an argument/,
    );
  });

  it('makes no request that is much larger than what was sent', () => {
    const one = tool(form('a={{a}}&'.repeat(5_000)));
    expect(() => one.requestFor({ a: 'x'.repeat(10_000) })).toThrow(/a: makes a request of more than/);
    const deep = '['.repeat(70) + ']'.repeat(70);
    expect(() => tool(json('{"a":{{a}}}')).requestFor({ a: JSON.parse(deep) as unknown })).toThrow(/nested deeper/);
  });

  it.each<[string, Partial<Settings>, string]>([
    ['a host', { path: '//evil.example/{{a}}' }, 'tools.0.path'],
    ['a dot segment', { path: '/../{{a}}' }, 'tools.0.path'],
    ['a dot segment behind an encoded slash', { path: '/a%2F..%2F{{a}}' }, 'tools.0.path'],
    ['a fragment', { path: '/a#{{a}}' }, 'tools.0.path'],
    ['no path', { path: '{{a}}' }, 'tools.0.path'],
    ['an argument as a name of the query', { path: '/a?{{a}}=1' }, 'tools.0.path'],
    ['an argument behind an unfinished code', { path: '/a%2{{a}}' }, 'tools.0.path'],
    ['what is no name', { path: '/a/{{a-b}}' }, 'tools.0.path'],
    ['a name of the prototype', { path: '/a/{{constructor}}' }, 'tools.0.path'],
    [
      'a credential in a readable header',
      { headers: { Authorization: 'Bearer {{a}}' } },
      'tools.0.headers.authorization',
    ],
    ['a cookie', { headers: { cookie: 'a={{a}}' } }, 'tools.0.headers.cookie'],
    ['what is no name in a header', { headers: { 'x-a': '{{a b}}' } }, 'tools.0.headers.x-a'],
    ['no JSON', json('{"a":{{a}}'), 'tools.0.body'],
    ['a value behind a backslash', json('{"a":"\\{{a}}"}'), 'tools.0.body'],
    ['a value in an escape', json('{"a":"\\u{{a}}"}'), 'tools.0.body'],
    ['an argument as a key', json('{"{{a}}":1}'), 'tools.0.body'],
    ['JSON that nests too deep', json('['.repeat(70) + ']'.repeat(70)), 'tools.0.body'],
    [
      'a part that is no JSON',
      { method: 'POST', body: { parts: [{ name: 'a', text: '{"a":', content_type: 'application/json' }] } },
      'tools.0.body',
    ],
    [
      'a line that is no JSON',
      { method: 'POST', body: { content_type: 'application/x-ndjson', text: '{}\n{{{a}}:1}' } },
      'tools.0.body',
    ],
    ['a body of HEAD', { ...json('1'), method: 'HEAD' }, 'tools.0.body'],
  ])('is refused with %s', (_, more, path) => {
    expect(() => tool(more)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ path })] }));
  });

  it('reads a hostile template in linear time', () => {
    for (const text of ['"\\', '{{', '"', '{{a']) {
      const read = (size: number) => {
        const times = Math.floor(size / text.length);
        expect(() => tool(json(text.repeat(times - 1 + (times % 2))))).toThrow(/tools\.0\.body/);
      };
      expect(costRatio(read, [8_000, 64_000])).toBeLessThan(32);
    }
  });

  it.each([
    ['application/x-ndjson', '{"a":"{{a}}"}\n'],
    ['application/x-ndjson', '\n '],
    ['text/plain', '[{"a":"\\'],
    ['text/plain', '{"a":"{{a}}"}\n'],
    ['application/x-www-form-urlencoded', 'a={"a":"{{a}}"}&'],
    ['application/x-www-form-urlencoded', '{"a":{{'],
    ['text/xml', '<![CDATA['],
    ['text/xml', ']]>{{a}}<![CDATA['],
    ['text/xml', '<!--<?{{a}}'],
  ])('reads a long text of %s in linear time: %j', (content_type, part) => {
    const read = (size: number) => {
      const text = part.repeat(Math.floor(size / part.length));
      tool({ method: 'POST', body: { content_type, text: part.startsWith('[') ? `{"b":"${text}` : text } });
    };
    expect(costRatio(read, [8_000, 64_000])).toBeLessThan(32);
  });
});
