import type { Fault } from './composer.error.js';

/** As much of a schema library's issue as is needed to tell the sender where the fault is. */
export interface SchemaIssue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly input?: unknown;
  readonly errors?: readonly (readonly SchemaIssue[])[];
  /** Of a key of a record that may not be one. */
  readonly issues?: readonly SchemaIssue[];
}

/** Turns schema issues into faults that name the place, one for every unknown key, and never repeat a value. */
export function faultsOf(issues: readonly SchemaIssue[], prefix: readonly PropertyKey[] = []): Fault[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys' && issue.keys) {
      return issue.keys.map((key) => ({ path: dotted([...path, key]), message: 'is not known here' }));
    }
    return [{ path: dotted(path), message: messageOf(issue) }];
  });
}

const MISSING = /^Invalid input: expected .*, received undefined$/;

/** Of alternatives the schema library says only that none fits. */
function messageOf({ code, message, errors = [], issues = [] }: SchemaIssue): string {
  if (code === 'invalid_key') return keyMessage(issues) ?? 'is no name that may stand here';
  if (code !== 'invalid_union' || message !== 'Invalid input') return plain(message);
  const isMissing =
    errors.length > 0 && errors.every(([first]) => first?.path.length === 0 && MISSING.test(first.message));
  return isMissing ? 'is missing' : 'has none of the forms that it may have';
}

/** What is wrong with a key; of alternatives, what the last one says, which is the most general. */
function keyMessage([issue]: readonly SchemaIssue[]): string | undefined {
  if (!issue) return undefined;
  return keyMessage(issue.errors?.at(-1) ?? []) ?? messageOf(issue);
}

/** What the schema library says by itself, in words for whoever has written the input. */
function plain(message: string): string {
  if (MISSING.test(message)) return 'is missing';
  return message.replace(/^Invalid option: expected one of (.*)$/, (_, options: string) => {
    return `must be one of ${options.replaceAll('"', '').split('|').join(', ')}`;
  });
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}
