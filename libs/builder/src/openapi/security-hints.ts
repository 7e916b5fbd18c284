import { isObject, parseUrl } from '#kernel';
import { entriesOf, listOf, memberOf, objectOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { plainText } from './plain-text.js';
import { dereference } from './reference.js';

/** How a document says that its service authenticates callers, in the words of a server's configuration. */
export interface SecurityHint {
  /** The name of the security scheme in the document. */
  readonly scheme: string;
  readonly auth_strategy: 'basic' | 'bearer' | 'apikey' | 'oauth2';
  /** Settings of the strategy as far as the document knows them; a secret is never among them. */
  readonly auth: Readonly<Record<string, string>>;
  /** How many of the operations that were imported take it. */
  readonly operations: number;
}

type Strategy = Pick<SecurityHint, 'auth_strategy' | 'auth'>;

const MAX_HINTS = 20;
const MAX_NAME_BYTES = 128;
const MAX_REQUIREMENTS = 20;
const MAX_SCOPES = 50;
const MAX_SCOPE_CHARS = 2_000;

/** Looks at the operations of one document, one after another, for what their callers have to show. */
export class SecurityHints {
  private readonly strategies = new Map<string, Strategy>();
  private readonly uses = new Map<string, { count: number; readonly scopes: Set<string> }>();

  /** Of operations that say nothing. */
  private readonly shared: readonly Requirement[];

  constructor(document: OpenApiDocument) {
    this.shared = requirementsIn(document.root);
    for (const [name, raw] of schemesOf(document).slice(0, MAX_HINTS)) {
      const strategy = strategyOf(followed(document, raw));
      if (!strategy) continue;
      this.strategies.set(name, strategy);
      this.uses.set(name, { count: 0, scopes: new Set() });
    }
  }

  /** Counts an operation. Of the alternatives that it gives, the first one with a scheme tells the scopes. */
  note(operation: unknown): void {
    if (this.strategies.size === 0) return;
    const own = memberOf(operation, 'security');
    const seen = new Set<string>();
    for (const [name, scopes] of Array.isArray(own) ? requirementsIn(operation) : this.shared) {
      const use = this.uses.get(name);
      if (!use || seen.has(name)) continue;
      seen.add(name);
      use.count++;
      for (const scope of scopes) if (use.scopes.size < MAX_SCOPES) use.scopes.add(scope);
    }
  }

  /** Those that most operations take come first. A scheme that nothing asks for is a hint all the same. */
  list(): SecurityHint[] {
    const hints = [...this.strategies].map(([name, { auth_strategy, auth }]) => {
      const { count = 0, scopes = [] } = this.uses.get(name) ?? {};
      const scope = auth_strategy === 'oauth2' ? [...scopes].join(' ') : '';
      const isUsable = scope !== '' && scope.length <= MAX_SCOPE_CHARS;
      const scheme = plainText(name, MAX_NAME_BYTES);
      return { scheme, auth_strategy, auth: { ...auth, ...(isUsable && { scope }) }, operations: count };
    });
    return hints.sort((a, b) => b.operations - a.operations);
  }
}

type Requirement = readonly [scheme: string, scopes: readonly string[]];

/** Schemes that are asked for, one after another, whether as alternatives or together. */
function requirementsIn(place: unknown): Requirement[] {
  const all = listOf(place, 'security')
    .slice(0, MAX_REQUIREMENTS)
    .flatMap((requirement) => (isObject(requirement) ? Object.entries(requirement).slice(0, MAX_REQUIREMENTS) : []));
  const isScope = (scope: unknown): scope is string => typeof scope === 'string' && SCOPE.test(scope);
  return all.map(([name, scopes]) => [name, Array.isArray(scopes) ? scopes.slice(0, MAX_SCOPES).filter(isScope) : []]);
}

/** RFC 6749, 3.3: scope-token. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** OpenAPI 3 keeps them with its components, Swagger 2.0 at the top. */
const schemesOf = ({ root }: OpenApiDocument): [string, unknown][] => [
  ...entriesOf(objectOf(root, 'components'), 'securitySchemes'),
  ...entriesOf(root, 'securityDefinitions'),
];

function followed(document: OpenApiDocument, value: unknown): unknown {
  try {
    return dereference(document, value);
  } catch {
    return undefined;
  }
}

// OpenAPI 3.1.1, 4.8.27; Swagger 2.0, Security Scheme Object. What no strategy speaks is no hint.
function strategyOf(scheme: unknown): Strategy | undefined {
  switch (textOf(scheme, 'type')) {
    case 'basic':
      return { auth_strategy: 'basic', auth: {} };
    case 'http':
      return httpStrategy((textOf(scheme, 'scheme') ?? '').toLowerCase());
    case 'apiKey':
      return keyStrategy(textOf(scheme, 'in'), textOf(scheme, 'name'));
    case 'oauth2':
      return { auth_strategy: 'oauth2', auth: oauthSettings(scheme) };
    case 'openIdConnect':
      return { auth_strategy: 'oauth2', auth: issuerSetting(address(scheme, 'openIdConnectUrl')) };
    default:
      return undefined;
  }
}

function httpStrategy(scheme: string): Strategy | undefined {
  if (scheme !== 'basic' && scheme !== 'bearer') return undefined;
  return { auth_strategy: scheme, auth: {} };
}

function keyStrategy(place: string | undefined, name: string | undefined): Strategy | undefined {
  if (!name || !KEY_NAME.test(name) || !['header', 'query', 'cookie'].includes(place ?? '')) return undefined;
  return { auth_strategy: 'apikey', auth: { in: place as string, name } };
}

const KEY_NAME = /^[\x21-\x7e]{1,256}$/;

/** Of OpenAPI 3 and of Swagger 2.0, the one that people consent to first. */
const FLOWS: readonly (readonly [string, string])[] = [
  ['authorizationCode', 'authorization_code'],
  ['accessCode', 'authorization_code'],
  ['clientCredentials', 'client_credentials'],
  ['application', 'client_credentials'],
];

function oauthSettings(scheme: unknown): Record<string, string> {
  for (const [name, grant_type] of FLOWS) {
    const flow = textOf(scheme, 'flow') === name ? scheme : objectOf(objectOf(scheme, 'flows'), name);
    if (!flow) continue;
    const token_url = address(flow, 'tokenUrl');
    const authorization_url = grant_type === 'authorization_code' ? address(flow, 'authorizationUrl') : undefined;
    return { grant_type, ...(token_url && { token_url }), ...(authorization_url && { authorization_url }) };
  }
  return {};
}

const WELL_KNOWN = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)$/;

function issuerSetting(url: string | undefined): Record<string, string> {
  return url && WELL_KNOWN.test(url) ? { issuer_url: url.replace(WELL_KNOWN, '') } : {};
}

/** A relative one depends on where the document came from, and one with a password in it is nobody's business. */
function address(value: unknown, key: string): string | undefined {
  const text = textOf(value, key) ?? '';
  const url = text.length <= 2_048 ? parseUrl(text) : undefined;
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
  return isPlain ? text : undefined;
}
