/** Where authorization servers of members send people back to, of all tenants (RFC 6749, 3.1.2). */
export function connectCallback(publicUrl: string): string {
  return `${publicUrl}/connect/callback`;
}

/** The page where a person connects a server, or a tool of it that has a credential for itself. */
export function connectPage(publicUrl: string, serverId: string, tool?: string): string {
  const query = tool === undefined ? '' : `?${new URLSearchParams({ tool }).toString()}`;
  return `${publicUrl}/connect/${serverId}${query}`;
}
