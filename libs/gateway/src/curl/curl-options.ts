import { Command, CommanderError } from 'commander';
import { CurlRefusedError } from './curl.errors.js';

/** An option of curl with its value, or a URL, in the order in which they stood. */
export interface CurlOption {
  readonly name: string;
  readonly value: string;
}

export interface CurlOptions {
  readonly options: readonly CurlOption[];
  readonly urls: readonly string[];
  /** Options that say nothing about the request. */
  readonly ignored: readonly string[];
}

const READ = [
  '-X, --request <method>',
  '-H, --header <header>',
  '-d, --data <data>',
  '--data-ascii <data>',
  '--data-raw <data>',
  '--data-binary <data>',
  '--data-urlencode <data>',
  '--json <data>',
  '-F, --form <part>',
  '--form-string <part>',
  '-u, --user <credentials>',
  '--oauth2-bearer <token>',
  '-b, --cookie <cookies>',
  '-A, --user-agent <name>',
  '-e, --referer <url>',
  '--url <url>',
  '--url-query <data>',
  '-m, --max-time <seconds>',
  '-G, --get',
  '-I, --head',
  '-g, --globoff',
  '--proto <protocols>',
];

const IGNORED = [
  '-s, --silent',
  '-S, --show-error',
  '-v, --verbose',
  '-i, --include',
  '-f, --fail',
  '--fail-with-body',
  '-L, --location',
  '-N, --no-buffer',
  '-#, --progress-bar',
  '--no-progress-meter',
  '--compressed',
  '--basic',
  '--http1.0',
  '--http1.1',
  '--http2',
  '--http2-prior-knowledge',
  '--http3',
  // Of the gateway at least TLS 1.2 is spoken, and the newest that both know. URLs have their scheme in them.
  '-1, --tlsv1',
  '--tlsv1.0',
  '--tlsv1.1',
  '--tlsv1.2',
  '--tlsv1.3',
  '--tls-max <version>',
  '--proto-default <protocol>',
  '--proto-redir <protocols>',
  '--tcp-nodelay',
  '-4, --ipv4',
  '-6, --ipv6',
  '-O, --remote-name',
  '-J, --remote-header-name',
  '-o, --output <file>',
  '-w, --write-out <format>',
  '-D, --dump-header <file>',
  '-c, --cookie-jar <file>',
  '--connect-timeout <seconds>',
  '--retry <count>',
  '--retry-delay <seconds>',
  '--retry-max-time <seconds>',
  '--retry-all-errors',
  '--retry-connrefused',
  '--limit-rate <rate>',
  '--max-redirs <count>',
  '--keepalive-time <seconds>',
];

const FILES = 'it reads a file of this computer, which no tool can';
const ROUTE = 'it leads requests another way than to their address';
const LOGIN = 'it authenticates in a way that tools do not; register the service as a server with an auth_strategy';
const TLS = 'certificates are always checked against the public ones';
const REFUSED: readonly (readonly [string, string])[] = [
  ['-k, --insecure', TLS],
  ['--cacert <file>', TLS],
  ['--capath <dir>', TLS],
  ['-E, --cert <file>', LOGIN],
  ['--key <file>', LOGIN],
  ['--digest', LOGIN],
  ['--ntlm', LOGIN],
  ['--negotiate', LOGIN],
  ['--anyauth', LOGIN],
  ['--aws-sigv4 <provider>', LOGIN],
  ['--location-trusted', 'it would give the credential to wherever the service leads'],
  ['-n, --netrc', FILES],
  ['--netrc-file <file>', FILES],
  ['--netrc-optional', FILES],
  ['-K, --config <file>', FILES],
  ['-T, --upload-file <file>', FILES],
  ['-x, --proxy <url>', ROUTE],
  ['-U, --proxy-user <credentials>', ROUTE],
  ['--socks4 <host>', ROUTE],
  ['--socks5 <host>', ROUTE],
  ['--socks5-hostname <host>', ROUTE],
  ['--resolve <hosts>', ROUTE],
  ['--connect-to <hosts>', ROUTE],
  ['--interface <name>', ROUTE],
  ['--unix-socket <path>', ROUTE],
  ['--abstract-unix-socket <path>', ROUTE],
  ['--request-target <path>', ROUTE],
  ['--path-as-is', 'no path may leave the place that it begins with'],
  ['-:, --next', 'one command makes one tool'],
  ['-Z, --parallel', 'one command makes one tool'],
];

/**
 * Reads the words of a curl command by curl's own names of options.
 *
 * @throws CurlRefusedError naming what is refused, or is no option of curl that is known here
 */
export function optionsOf(words: readonly string[]): CurlOptions {
  const options: CurlOption[] = [];
  const ignored = new Set<string>();
  const command = new Command('curl').argument('[urls...]').helpOption(false).exitOverride();
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  const define = (flags: string, take: (name: string, value: string) => void) => {
    const name = /--([\w.-]+)/.exec(flags)![1]!;
    command.option(flags);
    command.on(`option:${name}`, (value?: string | null) => take(name, value ?? ''));
  };
  for (const flags of READ) define(flags, (name, value) => options.push({ name, value }));
  for (const flags of IGNORED) define(flags, (name) => ignored.add(`--${name}`));
  for (const [flags, why] of REFUSED) {
    define(flags, (name) => {
      throw new CurlRefusedError(`--${name}: ${why}`);
    });
  }
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    throw error instanceof CommanderError ? refusalOf(error) : error;
  }
  return { options, urls: command.args, ignored: [...ignored] };
}

/** The values of all options of a name, in the order in which they stood. */
export const valuesOf = (options: readonly CurlOption[], wanted: string): string[] =>
  options.flatMap(({ name, value }) => (name === wanted ? [value] : []));

/** Commander's message repeats the word, in which a value may stand. */
function refusalOf({ code, message }: CommanderError): CurlRefusedError {
  const [named = 'an option'] = /--?[A-Za-z0-9][\w.-]*/.exec(message.replace(/^error: /, '')) ?? [];
  const name = named.slice(0, 40);
  if (code === 'commander.optionMissingArgument') return new CurlRefusedError(`${name} lacks its value`);
  return new CurlRefusedError(`${name} is no option of curl that is known here; leave it out`);
}
