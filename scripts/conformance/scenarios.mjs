/*
 * What the client in front of the composer does in each scenario of the client leg. A scenario that is not listed lists
 * the tools and calls `test-tool` of a member that a person has connected.
 */

const PARTS = {
  initialize: { play: ({ tools }) => tools() },
  tools_call: {
    async play({ tools, call }) {
      await tools();
      await call('add_numbers', { a: 5, b: 3 });
    },
  },
  'elicitation-sep1034-client-defaults': {
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    async play({ tools, call }) {
      await tools();
      await call('test_client_elicitation_defaults');
    },
  },
  'sse-retry': {
    async play({ tools, call }) {
      await tools();
      await call('test_reconnection');
    },
  },
  'request-metadata': {
    capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {} },
    async play({ client }) {
      await client.discover();
      await client.listTools();
    },
  },
  'http-standard-headers': {
    async play({ client, tools, call }) {
      const [tool] = await tools();
      await call(tool.name);
      const { resources } = await client.listResources();
      for (const { uri } of resources) await client.readResource({ uri });
      const { prompts } = await client.listPrompts();
      for (const { name } of prompts) await client.getPrompt({ name, arguments: {} });
    },
  },
  'http-custom-headers': {
    async play({ context, tools, call }) {
      await tools();
      for (const { name, arguments: input } of context.toolCalls) await call(name, input);
    },
  },
  'http-invalid-tool-headers': {
    async play({ tools, call }) {
      for (const { name } of await tools()) await call(name, { region: 'us-west1' });
    },
  },
  'json-schema-ref-no-deref': { play: ({ tools }) => tools() },
  'json-schema-2020-12-preservation': {
    async play({ tools, call }) {
      const rich = (await tools()).find(({ name }) => name === 'json_schema_2020_12_tool');
      await call('json_schema_echo', { schema: rich.inputSchema });
    },
  },
  'sep-2322-client-request-state': {
    capabilities: { elicitation: {} },
    accepts: { confirmed: true },
    async play({ tools, call }) {
      await tools();
      for (const name of ['test_mrtr_echo_state', 'test_mrtr_no_state', 'test_mrtr_unrelated']) await call(name);
      await call('test_mrtr_no_result_type');
    },
  },
};

const CONNECTED = {
  needsConsent: true,
  async play({ tools, call }) {
    await tools();
    await call('test-tool');
  },
};
/** The credential comes without a person. */
const UNATTENDED = { ...CONNECTED, needsConsent: false };

export function partOf(scenario) {
  if (!scenario.startsWith('auth/')) return PARTS[scenario] ?? { play: ({ tools }) => tools() };
  return isUnattended(scenario) ? UNATTENDED : CONNECTED;
}

const isUnattended = (scenario) => Object.hasOwn(AUTH, scenario) && scenario !== 'auth/pre-registration';

const oauth = (settings) => ({ auth_strategy: 'oauth2', auth: settings });

/** Settings of the member where the scenario gives some beforehand. */
const AUTH = {
  'auth/pre-registration': ({ client_id, client_secret, issuer }) =>
    oauth({ grant_type: 'authorization_code', issuer_url: issuer, client_id, client_secret }),
  'auth/client-credentials-basic': ({ client_id, client_secret }) =>
    oauth({ grant_type: 'client_credentials', client_id, client_secret }),
  'auth/client-credentials-jwt': ({ client_id, private_key_pem, signing_algorithm }) =>
    oauth({
      grant_type: 'client_credentials',
      client_id,
      private_key: private_key_pem,
      private_key_alg: signing_algorithm,
    }),
  'auth/wif-jwt-bearer': ({ client_id, valid_jwt }) =>
    oauth({ grant_type: 'jwt-bearer', client_id, assertion: valid_jwt }),
  'auth/enterprise-managed-authorization': ({
    client_id,
    client_secret,
    idp_client_id,
    idp_id_token,
    idp_token_endpoint,
  }) =>
    oauth({
      grant_type: 'jwt-bearer',
      client_id,
      client_secret,
      idp_token_url: idp_token_endpoint,
      idp_client_id,
      subject_token: idp_id_token,
    }),
};

/** How the composer authenticates to the member of a scenario. */
export function authOf(scenario, context) {
  if (!scenario.startsWith('auth/')) return {};
  return AUTH[scenario]?.(context) ?? oauth({});
}
