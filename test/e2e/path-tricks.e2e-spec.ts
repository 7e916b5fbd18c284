import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JSON_HEADERS, send } from '../fixtures/mcp-clients.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

/** Other ways to write a path, each of which has opened a door in some product. */
const TRICKS: Readonly<Record<string, (path: string) => string>> = {
  'as it is': (path) => path,
  'two slashes in front': (path) => `/${path}`,
  'three slashes in front': (path) => `//${path}`,
  'two slashes within': (path) => path.replace(/(?<=.)\//, '//'),
  'two slashes at the last step': (path) => path.replace(/\/(?=[^/]*$)/, '//'),
  'a slash behind': (path) => `${path}/`,
  'two slashes behind': (path) => `${path}//`,
  'a dot step in front': (path) => `/.${path}`,
  'a dot step within': (path) => path.replace(/(?<=.)\//, '/./'),
  'a dot step behind': (path) => `${path}/.`,
  'a step up and down again': (path) => `/x/..${path}`,
  'a step up from a public route': (path) => `/health/..${path}`,
  'a step up, encoded': (path) => `/health/%2e%2e${path}`,
  'a step up, encoded with its slash': (path) => `/health%2f..${path}`,
  'a step up, encoded twice': (path) => `/health/%252e%252e${path}`,
  'a step up with a parameter': (path) => `/health/..;${path}`,
  'a step up with a backslash': (path) => `/health\\..${path}`,
  'the first letter encoded': (path) => path.replace(/[a-z]/, encoded),
  'the last letter encoded': (path) => path.replace(/[a-z0-9](?=[^a-z0-9]*$)/, encoded),
  'every letter encoded': (path) => path.replaceAll(/[a-z0-9]/g, encoded),
  'the first letter encoded twice': (path) => path.replace(/[a-z]/, (letter) => encoded(letter).replace('%', '%25')),
  'slashes encoded': (path) => `/${path.slice(1).replaceAll('/', '%2f')}`,
  'slashes encoded in upper case': (path) => `/${path.slice(1).replaceAll('/', '%2F')}`,
  'slashes encoded twice': (path) => `/${path.slice(1).replaceAll('/', '%252f')}`,
  'backslashes for slashes': (path) => `/${path.slice(1).replaceAll('/', '\\')}`,
  'a backslash in front': (path) => `/\\${path.slice(1)}`,
  'upper case': (path) => path.toUpperCase(),
  'a capital': (path) => path.replace(/[a-z]/, (letter) => letter.toUpperCase()),
  'a parameter of the path': (path) => `${path};jsessionid=1`,
  'a parameter within': (path) => path.replace(/(?<=.)\//, ';x=1/'),
  'an extension': (path) => `${path}.json`,
  'a NUL behind': (path) => `${path}%00`,
  'a NUL and an extension': (path) => `${path}%00.css`,
  'a line end behind': (path) => `${path}%0d%0a`,
  'a blank behind': (path) => `${path}%20`,
  'a tab behind': (path) => `${path}%09`,
  'an encoded query': (path) => `${path}%3fa=b`,
  'an encoded fragment': (path) => `${path}%23`,
  'an empty query': (path) => `${path}?`,
  'a query that names a public path': (path) => `${path}?path=/health&_method=GET`,
  'wide letters': (path) => path.replace(/[a-z]/, encodeURIComponent('\uff41')),
  'a broken encoding': (path) => `${path}%`,
  'an overlong encoding': (path) => path.replace('/', '/%c0%af'),
  'the authority of somebody else': (path) => `//evil.example${path}`,
  'the form for proxies': (path) => `http://127.0.0.1${path}`,
  'the form for proxies, with another host': (path) => `http://evil.example${path}`,
};

const encoded = (letter: string): string => `%${letter.charCodeAt(0).toString(16)}`;

/** What the route says of itself to whoever has no credential. Everything else would be a way past the guard. */
const REFUSALS = [400, 401, 403, 404, 405, 414];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const PUBLIC = /^\/health(\/|$)/;
const SIDE_BY_SIDE = 16;

describe('without a credential', () => {
  let composer: ComposerProcess;
  let paths: string[];

  beforeAll(async () => {
    composer = await startComposer({ env: { COMPOSER_AUTH: 'required' } });
    const { body } = await composer.api('GET', '/api/v1/openapi.json');
    const routes = Object.keys(body.paths as object).filter((path) => !PUBLIC.test(path));
    paths = [...routes.map((path) => path.replaceAll(/\{\w+\}/g, '1')), '/mcp', '/mcp/1', '/t/default/mcp'];
  }, 60_000);
  afterAll(() => composer.stop());

  it.each(Object.entries(TRICKS))('no protected route opens: %s', async (_name, trick) => {
    expect(paths.length).toBeGreaterThan(10);
    const tries = paths.flatMap((path) => METHODS.map((method) => ({ method, path: trick(path) })));
    const opened: string[] = [];
    const next = async (): Promise<void> => {
      for (let attempt = tries.pop(); attempt; attempt = tries.pop()) {
        const { method, path } = attempt;
        const body = method === 'GET' || method === 'HEAD' ? {} : { body: '{}' };
        const { status } = await send(composer.url, { method, path, headers: JSON_HEADERS, ...body });
        if (!REFUSALS.includes(status)) opened.push(`${method} ${path}: ${status}`);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, next));
    expect(opened).toEqual([]);
  });
});
