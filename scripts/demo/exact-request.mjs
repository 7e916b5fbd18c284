/** What a connection adds by itself. */
const OF_THE_CONNECTION = new Set(['host', 'connection']);

/**
 * Compares a request with the wanted one, byte by byte: method, path with query, every header but those of the
 * connection, and body. Gives the names of the parts that differ; never a value.
 */
export function differences(request, wanted) {
  const parts = ['method', 'path', 'body'].filter((part) => request[part] !== wanted[part]);
  const came = Object.entries(request.headers).filter(([name]) => !OF_THE_CONNECTION.has(name));
  const names = new Set([...came.map(([name]) => name), ...Object.keys(wanted.headers)]);
  for (const name of names) if (request.headers[name] !== wanted.headers[name]) parts.push(`header ${name}`);
  return parts;
}

/** Headers of every request of the composer to an issuer, with those of its body. */
export function wantedHeaders({ body = '', ...headers }) {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return { 'accept-encoding': 'identity', 'user-agent': 'mcp-composer', ...length, ...headers };
}

/** The request as the checks want it, the whole body included. */
export async function readRequest(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return {
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
