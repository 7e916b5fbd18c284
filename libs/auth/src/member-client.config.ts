import { configSlice } from '#config';
import { z } from 'zod';

export interface MemberClientConfig {
  /** Address of the client ID metadata document, where it is not the one that the composer serves. */
  readonly documentUrl: string | undefined;
}

/** How the composer is known to authorization servers of members. */
export const memberClientConfig = configSlice(
  'memberClient',
  z.object({
    MEMBER_CLIENT_ID_URL: z
      .url({ protocol: /^https$/, error: 'is not an https URL' })
      .refine((url) => new URL(url).pathname !== '/', 'has no path')
      .optional(),
  }),
  ({ MEMBER_CLIENT_ID_URL }): MemberClientConfig => ({ documentUrl: MEMBER_CLIENT_ID_URL }),
);
