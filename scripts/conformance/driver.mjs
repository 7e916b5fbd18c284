// The suite's client command. The suite starts one for each scenario, all at once, and adds the address of the
// scenario's server: this one passes the scenario on to the stage, where the composer is, and waits for its end.
// node:http, because it starts in half the time of fetch, and there are many of these.
import { request } from 'node:http';

const { CONFORMANCE_STAGE, MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION, MCP_CONFORMANCE_CONTEXT } =
  process.env;

const asked = request(CONFORMANCE_STAGE, { method: 'POST' }, (answer) => {
  answer.pipe(process.stderr);
  answer.once('end', () => (process.exitCode = answer.statusCode === 204 ? 0 : 1));
});
asked.once('error', (error) => {
  process.stderr.write(`the stage cannot be reached: ${error.message}\n`);
  process.exitCode = 1;
});
asked.end(
  JSON.stringify({
    scenario: MCP_CONFORMANCE_SCENARIO,
    revision: MCP_CONFORMANCE_PROTOCOL_VERSION,
    serverUrl: process.argv[2],
    context: MCP_CONFORMANCE_CONTEXT ? JSON.parse(MCP_CONFORMANCE_CONTEXT) : {},
  }),
);
