import type { OperationRequest } from '../openapi/index.js';

export type GraphqlRequest = OperationRequest & { readonly body: string };

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/graphql-response+json, application/json;q=0.9',
};

/** Where operations of one service go: as the GraphQL-over-HTTP specification says it in JSON. */
export class GraphqlEndpoint {
  private readonly path: string;

  /** @param mask takes known secrets out of a text */
  constructor(
    url: URL,
    readonly mask: (text: string) => string,
  ) {
    this.path = url.pathname + url.search;
  }

  post(query: string, variables?: unknown): GraphqlRequest {
    const body = JSON.stringify({ query, ...(variables === undefined ? {} : { variables }) });
    return { method: 'POST', path: this.path, headers: HEADERS, body };
  }
}
