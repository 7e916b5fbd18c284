import { createServer } from 'node:http';
import { readRequest } from './exact-request.mjs';

/**
 * A small REST service with one operation, `GET /hello?name=`, and its OpenAPI document at `/openapi.json`. Answers
 * 401 to every call that does not pass `check`. `answer` comes first, if there is one: a login, say. `own` is told how to
 * stop it.
 */
export async function startGreeter(check, { port = 0, own = () => undefined, answer = () => undefined } = {}) {
  const calls = [];
  const server = createServer(async (incoming, response) => {
    const { pathname, searchParams } = new URL(incoming.url, 'http://greeter');
    const request = { path: pathname, query: searchParams, headers: incoming.headers };
    if (pathname === '/openapi.json') return send(response, 200, document(url));
    const own = answer(await readRequest(incoming));
    if (own) return response.writeHead(own.status, own.headers).end(own.body);
    const isKnown = check(request);
    if (pathname === '/hello') calls.push({ ...request, isKnown });
    if (!isKnown) return send(response, 401, { error: 'this credential is not the right one' });
    if (pathname !== '/hello') return send(response, 404, { error: 'there is nothing but /hello' });
    return send(response, 200, { greeting: `Hello, ${searchParams.get('name')}!` });
  });
  own(async () => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    /** Calls of the operation, oldest first, and whether each carried the right credential. */
    calls,
  };
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function document(url) {
  const name = { name: 'name', in: 'query', required: true, schema: { type: 'string' }, description: 'Whom to greet' };
  const answer = { type: 'object', properties: { greeting: { type: 'string' } } };
  return {
    openapi: '3.1.0',
    info: { title: 'Greeter', version: '1.0.0' },
    servers: [{ url }],
    paths: {
      '/hello': {
        get: {
          operationId: 'say_hello',
          summary: 'Greets somebody by name',
          parameters: [name],
          responses: { 200: { description: 'The greeting', content: { 'application/json': { schema: answer } } } },
        },
      },
    },
  };
}
