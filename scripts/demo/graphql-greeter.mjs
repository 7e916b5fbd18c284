import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const MOST_BODY = 64 * 1024;
const SCHEMA = 'type Query { greeting(name: String!): String! }';

/**
 * A small GraphQL service with one field, `greeting(name: String!): String!`, for whoever brings its token. `own` is told
 * how to stop it.
 */
export async function startGraphqlGreeter(own) {
  const token = randomBytes(18).toString('base64url');
  const calls = [];
  const server = createServer(async (incoming, response) => {
    const isKnown = incoming.headers.authorization === `Bearer ${token}`;
    const { query = '', variables = {} } = await readJson(incoming);
    if (query.includes('greeting')) calls.push({ query: new Map(), headers: incoming.headers, isKnown });
    if (!isKnown) return send(response, 401, { errors: [{ message: 'this credential is not the right one' }] });
    return send(response, 200, answer(query, variables));
  });
  own(async () => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${server.address().port}/graphql`;
  const graphql = { endpoint, tools: ['query', 'fields'], schema: SCHEMA };
  return {
    config: { id: 'graphql', type: 'graphql', graphql, auth_strategy: 'bearer', auth: { token } },
    /** Calls for a greeting, oldest first, and whether each carried the right credential. */
    calls,
  };
}

function answer(query, { name }) {
  if (query.includes('greeting')) return { data: { greeting: `Hello, ${name}!` } };
  if (query.includes('__typename')) return { data: { __typename: 'Query' } };
  return { errors: [{ message: 'there is nothing but greeting' }] };
}

async function readJson(incoming) {
  let text = '';
  for await (const chunk of incoming) {
    text += chunk;
    if (text.length > MOST_BODY) throw new Error('the body is larger than any greeting needs');
  }
  return JSON.parse(text || '{}');
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/graphql-response+json' }).end(JSON.stringify(body));
}
