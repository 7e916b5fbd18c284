import { EgressDeniedError, type EgressGuard } from '#egress';

/** Throws one and the same error for every address that may not be called, with the paths of the offenders. */
export async function judgeAddresses(
  guard: EgressGuard,
  addresses: readonly { readonly path: string; readonly url: string }[],
): Promise<void> {
  const verdicts = await Promise.all(
    addresses.map(async ({ path, url }) => ((await mayCall(guard, url)) ? undefined : path)),
  );
  const denied = verdicts.filter((path) => path !== undefined);
  if (denied.length > 0) throw new EgressDeniedError(denied);
}

async function mayCall(guard: EgressGuard, url: string): Promise<boolean> {
  try {
    await guard.check(url);
    return true;
  } catch (error) {
    if (error instanceof EgressDeniedError) return false;
    throw error;
  }
}
