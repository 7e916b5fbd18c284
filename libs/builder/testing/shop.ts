import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FieldNode, GraphQLError, NoSchemaIntrospectionCustomRule, type ValidationContext } from 'graphql';
import { SHOP_SDL } from './shop-schema.js';

/** A real GraphQL service on loopback that has everything of `SHOP_SDL`, for whoever brings its token. */
export interface Shop {
  readonly url: string;
  readonly token: string;
  /** Operations that came, oldest first. */
  readonly asked: readonly { readonly query: string; readonly variables?: Record<string, unknown> }[];
  /** Whether it tells its schema. */
  tellsSchema: boolean;
  /** Whether its introspection knows `isOneOf`, which came with the specification of 2025. */
  knowsOneOf: boolean;
  /** Gives it another schema, the resolvers of before. */
  serve(sdl: string): void;
  close(): Promise<void>;
}

/** Of graphql-yoga, as far as it is used. Its own types declare `fetch` for browsers, in all that is compiled with them. */
interface Yoga {
  createSchema(options: object): object;
  createYoga(options: object): (request: IncomingMessage, response: ServerResponse) => unknown;
}
interface Validating {
  addValidationRule(rule: unknown): void;
}
const YOGA: string = 'graphql-yoga';

const USERS = [
  { __typename: 'User', id: '1', name: 'Ada', role: 'ADMIN', born: '1815-12-10T00:00:00Z' },
  { __typename: 'User', id: '2', name: 'Charles', role: 'USER', born: null },
];
const [ADA, CHARLES] = USERS;
const ORDER = { __typename: 'Order', id: '7', total: 2.5, buyer: ADA, notes: ['soon', null] };

function fault(code: string): never {
  throw new GraphQLError(`it is broken: ${code}`, { extensions: { code } });
}

const page = (nodes: readonly object[]) => ({
  totalCount: USERS.length,
  edges: nodes.map((node, at) => ({ cursor: String(at), node })),
  pageInfo: { hasNextPage: nodes.length < USERS.length, endCursor: null },
});
const typed = { __resolveType: ({ __typename }: { __typename: string }) => __typename };

const RESOLVERS = {
  Node: typed,
  Found: typed,
  User: {
    friends: (_: unknown, { first }: { first: number }) => USERS.slice(0, first),
    boss: ({ id }: { id: string }) => (id === '2' ? ADA : null),
    avatar: (_: unknown, { size }: { size: number }) => `${size}px`,
    orders: ({ id }: { id: string }) => (id === '1' ? [ORDER] : []),
  },
  Query: {
    user: (_: unknown, { id }: { id: string }) => USERS.find((user) => user.id === id) ?? null,
    userBy: (_: unknown, { key }: { key: { id?: string; name?: string } }) =>
      USERS.find(({ id, name }) => id === key.id || name === key.name) ?? fault('NOT_FOUND'),
    users: (_: unknown, { filter, first }: { filter?: { roles?: string[] }; first: number }) =>
      page(USERS.filter(({ role }) => filter?.roles?.includes(role) ?? true).slice(0, first)),
    search: (_: unknown, { text }: { text: string }) => [CHARLES, ORDER].slice(0, text.length),
    node: (_: unknown, { id }: { id: string }) => [...USERS, ORDER].find((node) => node.id === id) ?? null,
    now: () => '2026-11-26T12:00:00Z',
    roles: () => ['ADMIN', 'USER'],
    echo: (_: unknown, { _select }: { _select?: string }) => ({ ...ADA, name: _select ?? 'nothing' }),
    broken: () => fault('BROKEN'),
    partial: () => ({ ...ORDER, notes: () => fault('NOTES') }),
    order: () => ORDER,
  },
  Mutation: {
    addUser: (_: unknown, { user }: { user: { name: string; role: string } }) => ({ ...ADA, id: '3', ...user }),
    order: (_: unknown, { total }: { total: number }) => ({ ...ORDER, total }),
    forget: (_: unknown, { id }: { id: string }) => id === '1',
  },
};

const knowsNoOneOf = (context: ValidationContext) => ({
  Field: ({ name }: FieldNode) => {
    if (name.value === 'isOneOf') context.reportError(new GraphQLError('Cannot query field "isOneOf"'));
  },
});

/** Starts one that tells its schema. */
export async function startShop(): Promise<Shop> {
  const { createSchema, createYoga } = (await import(YOGA)) as Yoga;
  const asked: Shop['asked'][number][] = [];
  const yogaFor = (typeDefs: string) =>
    createYoga({
      schema: createSchema({
        typeDefs,
        resolvers: RESOLVERS,
        resolverValidationOptions: { requireResolversToMatchSchema: 'ignore' },
      }),
      logging: false,
      plugins: [
        {
          onParams: ({ params }: { params: Shop['asked'][number] }) => void asked.push(params),
          onValidate: ({ addValidationRule }: Validating) => {
            if (!shop.tellsSchema) addValidationRule(NoSchemaIntrospectionCustomRule);
            if (!shop.knowsOneOf) addValidationRule(knowsNoOneOf);
          },
        },
      ],
    });
  let yoga = yogaFor(SHOP_SDL);
  const server = createServer((request, response) => {
    if (request.headers.authorization === `Bearer ${shop.token}`) return void yoga(request, response);
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":[{"message":"who are you?"}]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const shop: Shop = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    token: 'token-of-the-shop',
    asked,
    tellsSchema: true,
    knowsOneOf: true,
    serve: (sdl) => void (yoga = yogaFor(sdl)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return shop;
}
