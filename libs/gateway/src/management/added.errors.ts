import { ComposerError } from '#kernel';

/** A tool that adds servers replaces none that was registered otherwise. */
export class ForeignServerError extends ComposerError {
  constructor(id: string) {
    super(
      'COMPOSER_SERVER_FOREIGN',
      `there is a server "${id}" that was not added by this tool; choose another name, or delete that server first`,
      { status: 409 },
    );
  }
}

/** Scripts are never carried out; says how the same is had. */
export class ScriptRefusedError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_SCRIPT_REFUSED',
      'Python scripts are not carried out: in the process of the composer a script could read the credentials of every ' +
        'server. Make an MCP server of it (with the Python SDK of MCP, a function under @mcp.tool() is a tool) and register ' +
        'that: with type "stdio" where it is to run on the composer\'s host and an operator has listed its command in ' +
        'STDIO_ALLOWLIST, with type "http" where it runs elsewhere. A script that only calls a URL can be a curl command for ' +
        'add_tools_from_curl.',
      { status: 422 },
    );
  }
}
