import { randomUUID } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { AuthorizationServerListener } from '#access';
import { ConsentListener } from '#auth';
import { MemberPool } from '#builder';
import { jsonExcess } from '#kernel';
import { type ListenConfig, checkSlices, listenConfig } from '#config';
import { Readiness } from '#health';
import { Log } from '#observability';
import { BackgroundRewrap, ChangeFeed, KeyRingKeeper } from '#persistence';
import { ServerConfigFile } from '#registry';
import { DEFAULT_TENANT } from '#tenancy';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ComposerModule } from './composer.module.js';
import { CONFIGURATION } from './configuration.js';
import { DrainingServer } from './http/draining-server.js';
import { FrontListener } from './http/front.listener.js';
import { ListenError, ExcessiveBodyError } from './http/http.errors.js';
import { problemOf } from './http/problem.js';
import { type RouterEntry, ServedRoutes } from './http/served-routes.js';

/** An inline specification of 5 MiB, and room for what is around it. */
const BODY_LIMIT = 6 * 1024 * 1024;
/** Characters of a body that is looked at, read and used in a turn of the event loop each. */
const LARGE_BODY = 256 * 1024;
/** How slow a client may be, and how long a stop waits for calls; Node's own bounds are five times as wide. */
const SERVER_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  drainTimeout: 20_000,
};

/**
 * Builds the application and everything that must work before it may serve: configuration, database, keys, members.
 * Listens to nothing yet. Throws `ConfigError` with every bad variable at once.
 */
export async function createComposer(): Promise<NestFastifyApplication> {
  checkSlices(CONFIGURATION);
  let front: FrontListener | undefined;
  let besideNest: ((nest: RequestListener) => RequestListener) | undefined;
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    // Ids that are too long are unknown ids, and no error of their own.
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: (error: FastifyError, { id }: FastifyRequest, reply: FastifyReply) => {
      const problem = problemOf(error, String(id));
      void reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
    },
    serverFactory: (nest: RequestListener): Server =>
      new DrainingServer(SERVER_LIMITS, (request, response) => {
        if (front && besideNest) front.handle(request, response, besideNest(nest));
        else response.writeHead(503).end();
      }),
  });
  const routes = routesOf(adapter);
  const app = await NestFactory.create<NestFastifyApplication>(ComposerModule, adapter, {
    bufferLogs: true,
    bodyParser: false,
    abortOnError: false,
  });
  try {
    app.useLogger(app.get(Log));
    acceptJsonOnly(adapter);
    document(app);
    await app.init();
    app.get(ServedRoutes).take(routes);
    await app.get(ChangeFeed).follow(); // everybody who keeps something listens by now, and has read nothing yet
    app.get(KeyRingKeeper).follow();
    app.get(BackgroundRewrap).begin();
    await app.get(MemberPool).load(DEFAULT_TENANT);
    await app.get(ServerConfigFile).apply(DEFAULT_TENANT);
    app.get(Readiness).noteLoaded();
    const [authorizationServer, consents] = [app.get(AuthorizationServerListener), app.get(ConsentListener)];
    besideNest = (nest) => authorizationServer.before(consents.before(nest));
    front = app.get(FrontListener);
    return app;
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Starts serving. Returns the URL of the MCP endpoint as it really is, also when the port was left to the system.
 *
 * @throws ListenError; the application is closed then
 */
export async function listen(app: NestFastifyApplication): Promise<string> {
  const { host, port } = app.get<ListenConfig>(listenConfig.KEY);
  try {
    // Nest's own `listen` would log the failure besides throwing it.
    await app.getHttpAdapter().getInstance().listen({ port, host });
  } catch (error) {
    await app.close().catch(() => undefined);
    throw new ListenError(host, port, error);
  }
  const address = app.getHttpServer().address() as { port: number };
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/mcp`;
}

/** What the router is given from now on. */
function routesOf(adapter: FastifyAdapter): readonly RouterEntry[] {
  const routes: RouterEntry[] = [];
  adapter.getInstance().addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push({ method: each, path: url });
  });
  return routes;
}

/**
 * Bodies are JSON, and nothing else: a form could be sent by any web page without asking first. RFC 7396 has a media type
 * of its own; most clients send plain JSON.
 */
function acceptJsonOnly(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance();
  fastify.removeContentTypeParser('text/plain');
  const json = fastify.getDefaultJsonParser('error', 'error');
  const read = (request: FastifyRequest, body: string) =>
    new Promise((resolve, reject) => {
      void json(request, body, (error, value) => (error ? reject(error) : resolve(value)));
    });
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'string' },
    async (request: FastifyRequest, body: string) => {
      // Many clients name the type in every request, also where there is nothing to send.
      if (body === '') return undefined;
      const isLarge = body.length > LARGE_BODY;
      const excess = jsonExcess(body);
      if (excess) throw new ExcessiveBodyError(excess);
      if (isLarge) await setImmediate();
      const value: unknown = await read(request, body);
      if (isLarge) await setImmediate();
      return value;
    },
  );
}

/** The description of the API is public: it holds nothing of any tenant, and clients read it before they have a credential. */
function document(app: NestFastifyApplication): void {
  const description = 'Management of MCP Composer. Tools are called over MCP, at /mcp.';
  const settings = new DocumentBuilder()
    .setTitle('MCP Composer')
    .setDescription(description)
    .setVersion('1')
    .setOpenAPIVersion('3.1.0')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, settings), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    raw: ['json'],
  });
}
