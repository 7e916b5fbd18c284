import { randomBytes } from 'node:crypto';
import { URLSearchParams } from 'node:url';
import { differences, wantedHeaders } from './exact-request.mjs';

/*
 * The login of a web application as servlet containers have it: a form, a redirect, a session cookie, a sticky route, a
 * CSRF token. It opens no port: a service asks it about each request. What comes is compared with what is wanted, byte
 * by byte.
 */

const LOGIN = '/login?realm=demo';
const WELCOME = '/welcome';
const ACCEPT = 'text/html,application/json;q=0.9,*/*;q=0.8';
const HTML = { 'content-type': 'text/html; charset=utf-8' };
const PAGE = '<form method="post"><input name="user"><input type="password" name="password"></form>';
const fresh = () => randomBytes(12).toString('base64url');

/**
 * @param apiPath where the route cookie belongs
 * @param whenEnded what a request without a live session is answered: 302 to the login, its page with 403, or 401
 */
export function sessionLogin({ apiPath, whenEnded = 302 }) {
  const password = `${fresh()}&=+ü`;
  const sessions = new Set();
  const asked = [];

  const cookiesOf = ({ id, route, csrf }) => ({
    all: `route=${route}; JSESSIONID=${id}; XSRF-TOKEN=${encodeURIComponent(csrf)}`,
    atRoot: `JSESSIONID=${id}; XSRF-TOKEN=${encodeURIComponent(csrf)}`,
  });
  const open = () => {
    const session = { id: fresh(), route: fresh(), csrf: `${fresh()}/+=` };
    sessions.add(session);
    return session;
  };

  /** Answers a request of the login itself; `undefined` for everything else. */
  function answer(request) {
    if (request.path === WELCOME) return welcome(request);
    if (!request.path.startsWith('/login')) return undefined;
    if (request.method !== 'POST') return { status: 200, headers: HTML, body: PAGE };
    const body = new URLSearchParams({ user: 'ada', password }).toString();
    const headers = wantedHeaders({ accept: ACCEPT, 'content-type': 'application/x-www-form-urlencoded', body });
    const wrong = differences(request, { method: 'POST', path: LOGIN, headers: headers, body });
    asked.push({ wrong });
    if (wrong.length > 0) return { status: 302, headers: { location: '/login?error' }, body: '' };
    const session = open();
    return {
      status: 302,
      headers: {
        location: WELCOME,
        'set-cookie': [
          `JSESSIONID=${session.id}; Path=/; HttpOnly; SameSite=Lax`,
          `route=${session.route}; Path=${apiPath}`,
          `XSRF-TOKEN=${encodeURIComponent(session.csrf)}; Path=/`,
          'elsewhere=1; Path=/elsewhere',
          'foreign=1; Domain=other.example',
        ],
      },
      body: '',
    };
  }

  /** Wants the cookies of the root, the CSRF token, and nothing of the form any more. */
  function welcome(request) {
    const session = [...sessions].at(-1);
    const headers = wantedHeaders({
      accept: ACCEPT,
      cookie: session && cookiesOf(session).atRoot,
      'x-xsrf-token': session?.csrf,
    });
    const wrong = differences(request, { method: 'GET', path: WELCOME, headers, body: '' });
    asked.push({ wrong });
    return { status: wrong.length > 0 ? 500 : 200, headers: HTML, body: '<h1>Welcome</h1>' };
  }

  return {
    auth: { login_url: LOGIN, username: 'ada', password, username_field: 'user' },
    secret: 'password',
    /** Requests of the login, with the parts in which they differ from the wanted ones. */
    asked,
    answer,
    /** Whether a request carries the cookies of one live session that are for its path, and its CSRF token. */
    admits({ path, headers: { cookie, 'x-xsrf-token': csrf } }) {
      const part = path.startsWith(apiPath) ? 'all' : 'atRoot';
      return [...sessions].some((session) => cookiesOf(session)[part] === cookie && session.csrf === csrf);
    },
    refusal() {
      if (whenEnded === 302) return { status: 302, headers: { location: '/login;v=1?realm=demo' }, body: '' };
      if (whenEnded === 403) return { status: 403, headers: HTML, body: PAGE };
      return { status: 401, headers: HTML, body: PAGE };
    },
    /** Ends every session. */
    end: () => sessions.clear(),
  };
}
