import { isObject } from '#kernel';
import { MemberBusyError } from '../builder.errors.js';
import { decoded } from './control-request.js';
import { type MemberMessage, textAt } from './member-message.js';

export interface WatchedResourcesParts {
  /** Somebody watches a URI that nobody has watched: resolves when the member has taken it, rejects with why it did not. */
  readonly begin: (uri: string) => Promise<void>;
  /** Nobody watches it any more. */
  readonly end: (uri: string) => void;
}

interface Watched {
  readonly watchers: Set<() => void>;
  /** The member has taken it. */
  taken: Promise<void>;
}

const MAX_URIS = 1_000;
const UPDATED = '"notifications/resources/updated"';

/** Who wants to hear of which resources of one member: it is told of a URI once, however many watch it. */
export class WatchedResources {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly parts: WatchedResourcesParts) {}

  get size(): number {
    return this.watched.size;
  }

  get uris(): readonly string[] {
    return [...this.watched.keys()];
  }

  /** Resolves with how to stop it; rejects with a `ComposerError` if the member does not take it. */
  async watch(uri: string, onUpdate: () => void): Promise<() => void> {
    let known = this.watched.get(uri);
    if (!known) {
      if (this.watched.size >= MAX_URIS) throw new MemberBusyError();
      known = { watchers: new Set(), taken: Promise.resolve() };
      this.watched.set(uri, known);
      known.taken = this.parts.begin(uri);
    }
    known.watchers.add(onUpdate);
    const stop = () => this.stop(uri, onUpdate);
    try {
      await known.taken;
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  /** Tells whoever watches a resource that the member says has changed; anything else that it says changes nothing. */
  hear({ raw, places }: MemberMessage): void {
    if (textAt(raw, places.get('method')) !== UPDATED) return;
    const params = decoded(raw)?.['params'];
    const uri = isObject(params) ? params['uri'] : undefined;
    if (typeof uri === 'string') tell(this.watched.get(uri));
  }

  /** Any of them may have changed. */
  tellAll(): void {
    for (const known of [...this.watched.values()]) tell(known);
  }

  clear(): void {
    this.watched.clear();
  }

  private stop(uri: string, onUpdate: () => void): void {
    const known = this.watched.get(uri);
    if (!known?.watchers.delete(onUpdate) || known.watchers.size > 0) return;
    this.watched.delete(uri);
    this.parts.end(uri);
  }
}

function tell(known: Watched | undefined): void {
  for (const onUpdate of [...(known?.watchers ?? [])]) onUpdate();
}
