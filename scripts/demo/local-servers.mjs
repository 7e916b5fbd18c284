import { createRequire } from 'node:module';
import { DEADLINE_MS, ERAS, connectClients, nameOf, register, textOf } from './tour.mjs';

/** Prompts that the composer keeps itself. */
const LETTERS = {
  id: 'letters',
  type: 'local',
  prompts: [
    { name: 'thank', description: 'Thanks somebody.', template: 'Write a letter that thanks {name} for {{ reason }}.' },
  ],
};

/** A local server of prompts: one of them is filled in each era. Clients learn when they connect that there are some. */
export async function visitPrompts(composer) {
  await register(composer, LETTERS);
  const name = `${LETTERS.id}_thank`;
  const texts = [];
  const times = [];
  let isFound = true;
  for (const [index, client] of (await connectClients(composer.mcpUrl)).entries()) {
    const { prompts } = await client.listPrompts();
    isFound &&= prompts.some((prompt) => prompt.name === name);
    const started = performance.now();
    const args = { name: nameOf(ERAS[index]), reason: 'the {cake}' };
    const { messages } = await client.getPrompt({ name, arguments: args }, { timeout: DEADLINE_MS });
    times.push(performance.now() - started);
    texts.push(messages[0].content.text);
    await client.close();
  }
  const ok =
    isFound && ERAS.every((era, index) => texts[index] === `Write a letter that thanks ${nameOf(era)} for the {cake}.`);
  return {
    id: LETTERS.id,
    strategy: 'none',
    tool: name,
    seen: 'a prompt, kept here',
    times,
    ok,
    answer: texts.join(' '),
  };
}

/** A tool from a curl command, given over /mcp as an administrator's client would. */
export async function addCurlTool(client, { id, auth }, { url }) {
  const value = `curl -sS '${url}/hello?name={{name}}' -H 'Authorization: Bearer ${auth.token}'`;
  const tool_config = { name: id, tool_type: 'curl', description: 'Greets somebody by name', curl_config: { value } };
  await manage(client, 'add_tools_from_curl', { tool_config });
}

/** Tools from a part of an OpenAPI document, given in the same way. */
export async function addFragment(client, { id, auth_strategy, auth }, { url }) {
  const whole = await (await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(DEADLINE_MS) })).json();
  const openapi_spec = { ...whole, info: { ...whole.info, title: id } };
  await manage(client, 'add_tools_from_openapi', { openapi_spec, auth_config: { auth_strategy, auth } });
}

async function manage(client, name, args) {
  const result = await client.callTool({ name, arguments: args }, { timeout: DEADLINE_MS });
  if (result.isError || !textOf(result).startsWith('Successfully added tools')) throw new Error(textOf(result));
}

/** The official MCP test server as a process of the composer's own. */
export const EVERYTHING_STDIO = {
  id: 'everything-stdio',
  type: 'stdio',
  command: process.execPath,
  args: [createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'],
};
