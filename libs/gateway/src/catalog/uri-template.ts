type Part = { readonly literal: string } | { readonly takesSlashes: boolean };

/** RFC 6570, 2.2: with these an expression may expand to several segments of a path, or to a query. */
const WIDE = new Set(['+', '#', '/', '?', '&']);

/**
 * A URI template (RFC 6570), as far as routing needs it: whether a URI may be one of its expansions. What is in a URI
 * between the literals is taken for the expansion of the expression there; a simple one holds no slash. Every literal is
 * looked for once, where the one before it ended, so that no template and no URI can keep the composer busy.
 */
export class UriTemplate {
  /** Characters that stand for themselves: of two templates that fit, the one with more of them says more. */
  readonly literals: number;
  private readonly parts: readonly Part[];

  constructor(template: string) {
    this.parts = partsOf(template);
    this.literals = this.parts.reduce((sum, part) => sum + ('literal' in part ? part.literal.length : 0), 0);
  }

  matches(uri: string): boolean {
    let at = 0;
    let expression: { readonly takesSlashes: boolean } | undefined;
    const { parts } = this;
    for (const [index, part] of parts.entries()) {
      if (!('literal' in part)) {
        // Of two expressions side by side nobody can tell where one ends.
        expression = { takesSlashes: part.takesSlashes || (expression?.takesSlashes ?? false) };
        continue;
      }
      const { literal } = part;
      const isLast = index === parts.length - 1;
      const found = placeOf(uri, literal, { at, isLast, isFree: expression !== undefined });
      if (found < 0 || !fits(uri.slice(at, found), expression)) return false;
      at = found + literal.length;
      expression = undefined;
    }
    return expression ? fits(uri.slice(at), expression) : at === uri.length;
  }
}

function placeOf(
  uri: string,
  literal: string,
  { at, isLast, isFree }: { readonly at: number; readonly isLast: boolean; readonly isFree: boolean },
): number {
  if (!isFree) return uri.startsWith(literal, at) ? at : -1;
  if (!isLast) return uri.indexOf(literal, at);
  const end = uri.length - literal.length;
  return end >= at && uri.endsWith(literal) ? end : -1;
}

function fits(text: string, expression: { readonly takesSlashes: boolean } | undefined): boolean {
  if (!expression) return text === '';
  return expression.takesSlashes || !text.includes('/');
}

/** What is in braces that are not closed stands for itself. */
function partsOf(template: string): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { 0: expression, index } of template.matchAll(/\{[^{}]*\}/g)) {
    if (index > at) parts.push({ literal: template.slice(at, index) });
    parts.push({ takesSlashes: WIDE.has(expression[1]!) });
    at = index + expression.length;
  }
  if (at < template.length) parts.push({ literal: template.slice(at) });
  return parts;
}
