import { URLSearchParams } from 'node:url';
import { readRequest } from './exact-request.mjs';

/*
 * The page of the demo's authorization server: whoever says a name is that person. A real one asks for a password, and
 * everything behind it is the same.
 */

const NAME = /^[A-Za-z][A-Za-z0-9 ]{0,63}$/;

const page = (client, scope) => `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Sign in to the demo</title></head>
  <body>
    <main>
      <h1>Sign in to the demo</h1>
      <p>${escaped(client)} asks for: ${escaped(scope)}</p>
      <form method="post">
        <label>Your name <input name="person" value="Ada" autocomplete="off"></label>
        <button>Sign in and allow</button>
      </form>
    </main>
  </body>
</html>
`;

const escaped = (text) => String(text).replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Asks who it is, and takes that for consent too. */
export async function askPerson(provider, request, response) {
  try {
    const { params, grantId } = await provider.interactionDetails(request, response);
    const { body } = await readRequest(request);
    const person = new URLSearchParams(body).get('person') ?? '';
    if (request.method !== 'POST' || !NAME.test(person)) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
      return response.end(page(params.client_id, params.scope));
    }
    const clientId = params.client_id;
    const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
    const grant = known ?? new provider.Grant({ accountId: person, clientId });
    grant.addOIDCScope(params.scope);
    const consent = { grantId: await grant.save() };
    return await provider.interactionFinished(request, response, { login: { accountId: person }, consent });
  } catch {
    return response.writeHead(400, { 'content-type': 'text/plain' }).end('this question is too old, or was answered\n');
  }
}
