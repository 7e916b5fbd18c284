export interface DemoMember {
  readonly id: string;
  readonly auth_strategy: string;
  /** Of OAuth, by its short name. */
  readonly grant?: string;
  /** How the client shows who it is; absent: it registers itself. */
  readonly client?: string | undefined;
  readonly needsPerson?: boolean;
}

/** What the demo shows, one entry for each line of its table. */
export const STRATEGIES: readonly DemoMember[];
