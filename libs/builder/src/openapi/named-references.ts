import { type JsonObject, isObject } from '#kernel';
import { textOf } from './json-reader.js';
import { placeAt } from './reference.js';

/** Longer addresses name nothing: as what others are relative to they would cost their length for each reference. */
const MAX_URI = 1_000;
/** What the document is called where it does not say. */
const UNNAMED = 'document:/';

/** A schema with an `$id`, or the document: what the references within it are relative to. */
interface Resource {
  readonly uri: string;
  readonly pointer: string;
  readonly value: unknown;
}

/** More than one place has the name. */
const AMBIGUOUS = Symbol('ambiguous');

/**
 * Puts pointers in place of references that name a place of the document by `$id`, `$anchor` or `$dynamicAnchor` (JSON Schema
 * 2020-12, core 8.2), or point into a schema with an `$id` of its own. Others are left as they are. Nothing is fetched.
 *
 * @param root of OpenAPI 3.1, not deep; its references are changed
 */
export function resolveNames(root: JsonObject): void {
  const self = textOf(root, '$self');
  const uri = resolved(self ?? '', UNNAMED) ?? UNNAMED;
  const document = { uri, pointer: '#', value: root };
  const names = new NamedReferences();
  names.collect(document);
  if (names.areAny || self !== undefined) names.replace(document);
}

class NamedReferences {
  /** By address, with the anchor as fragment if it is one. */
  private readonly places = new Map<string, Resource | typeof AMBIGUOUS>();
  private readonly owners = new Map<object, Resource>();

  /** Whether the document has any name but its own. */
  areAny = false;

  collect(document: Resource): void {
    this.places.set(document.uri, document);
    this.visit(document.value, document, []);
  }

  private visit(value: unknown, within: Resource, path: string[]): void {
    if (!Array.isArray(value) && !isObject(value)) return;
    const owner = Array.isArray(value) ? within : this.named(value, within, path);
    for (const [key, member] of Object.entries(value)) {
      path.push(key);
      this.visit(member, owner, path);
      path.pop();
    }
  }

  /** @returns what is relative to what from here on */
  private named(value: Record<string, unknown>, within: Resource, path: readonly string[]): Resource {
    const [id, ...anchors] = ['$id', '$anchor', '$dynamicAnchor'].map((keyword) => textOf(value, keyword));
    if (id === undefined && anchors.every((anchor) => anchor === undefined)) return within;
    const pointer = `#${path.map((key) => `/${escaped(key)}`).join('')}`;
    const uri = id === undefined ? undefined : resolved(id, within.uri)?.replace(/#$/, '');
    const isNew = uri !== undefined && uri !== within.uri && !uri.includes('#');
    const owner = isNew ? { uri, pointer, value } : within;
    if (owner !== within) {
      this.name(owner.uri, owner);
      this.owners.set(value, owner);
    }
    for (const anchor of new Set(anchors)) {
      if (anchor !== undefined) this.name(`${owner.uri}#${anchor}`, { uri: owner.uri, pointer, value });
    }
    return owner;
  }

  private name(uri: string, place: Resource): void {
    this.places.set(uri, this.places.has(uri) ? AMBIGUOUS : place);
    this.areAny = true;
  }

  replace(within: Resource): void {
    this.replaceIn(within.value, within);
  }

  private replaceIn(value: unknown, within: Resource): void {
    if (Array.isArray(value)) {
      for (const member of value) this.replaceIn(member, within);
    } else if (isObject(value)) {
      const owner = this.owners.get(value) ?? within;
      const ref = textOf(value, '$ref');
      const pointer = ref === undefined ? undefined : this.pointerOf(ref, owner);
      if (pointer !== undefined) value['$ref'] = pointer;
      for (const member of Object.values(value)) this.replaceIn(member, owner);
    }
  }

  // A pointer is one into the schema with the `$id`. Many documents mean the document all the same, where it leads nowhere.
  private pointerOf(ref: string, { uri, pointer }: Resource): string | undefined {
    if (ref.startsWith('#/') && pointer === '#') return undefined;
    const address = resolved(ref, uri);
    if (address === undefined) return undefined;
    const at = address.indexOf('#');
    const [base, fragment] = at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)];
    const isPointer = fragment === '' || fragment.startsWith('/');
    const place = this.places.get(isPointer ? base : address);
    if (place === undefined || place === AMBIGUOUS) return undefined;
    if (!isPointer || fragment === '') return place.pointer;
    return placeAt(place.value, `#${fragment}`) ? `${place.pointer}${fragment}` : undefined;
  }
}

// As a fragment, but only as far as pointers are read again.
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('%', '%25');

function resolved(ref: string, base: string): string | undefined {
  try {
    const { href } = new URL(ref, base);
    return href.length <= MAX_URI ? href : undefined;
  } catch {
    return undefined;
  }
}
