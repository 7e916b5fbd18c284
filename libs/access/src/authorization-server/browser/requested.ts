type Params = Readonly<Record<string, unknown>>;

/** The resources of an authorization request (RFC 8707, 2); the library has put in the default. */
export function requestedResources({ resource }: Params): readonly string[] {
  return (Array.isArray(resource) ? resource : [resource]).filter((one): one is string => typeof one === 'string');
}

/** Those of the requested scopes that there are. */
export function requestedScopes({ scope }: Params, known: readonly string[]): readonly string[] {
  const asked = typeof scope === 'string' ? scope.split(' ') : [];
  return known.filter((one) => asked.includes(one));
}
