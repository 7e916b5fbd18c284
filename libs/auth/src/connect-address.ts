/** Where authorization servers of members send people back to, of all tenants (RFC 6749, 3.1.2). */
export function connectCallback(publicUrl: string): string {
  return `${publicUrl}/connect/callback`;
}
