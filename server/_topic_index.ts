import { isPattern } from "../protocol/patterns.ts";

/** A word of names, and what comes behind it. */
interface Node<V> {
  readonly next: Map<string, Node<V>>;
  value: V | undefined;
}

const NONE: readonly never[] = [];

/**
 * Values by topic or pattern. Finding those of a topic takes as long as the
 * topic has words, however many names there are.
 */
export class TopicIndex<V> {
  readonly #topics = new Map<string, V>();
  readonly #root: Node<V> = { next: new Map(), value: undefined };
  #patterns = 0;

  get(name: string): V | undefined {
    return isPattern(name) ? this.#find(name)?.value : this.#topics.get(name);
  }

  set(name: string, value: V): void {
    if (!isPattern(name)) {
      this.#topics.set(name, value);
      return;
    }
    let node = this.#root;
    for (const word of name.split(".")) {
      let next = node.next.get(word);
      if (next === undefined) node.next.set(word, next = { next: new Map(), value: undefined });
      node = next;
    }
    if (node.value === undefined) this.#patterns++;
    node.value = value;
  }

  delete(name: string): void {
    if (isPattern(name)) this.#prune(this.#root, name.split("."), 0);
    else this.#topics.delete(name);
  }

  /** The topic's own value first, then those of the patterns that cover it. */
  match(topic: string): readonly V[] {
    const own = this.#topics.get(topic);
    if (this.#patterns === 0) return own === undefined ? NONE : [own];
    const found = own === undefined ? [] : [own];
    walk(this.#root, topic.split("."), 0, found);
    return found;
  }

  #find(pattern: string): Node<V> | undefined {
    let node: Node<V> | undefined = this.#root;
    for (const word of pattern.split(".")) node = node?.next.get(word);
    return node;
  }

  #prune(node: Node<V>, words: readonly string[], at: number): void {
    const word = words[at];
    if (word === undefined) {
      if (node.value !== undefined) this.#patterns--;
      node.value = undefined;
      return;
    }
    const next = node.next.get(word);
    if (next === undefined) return;
    this.#prune(next, words, at + 1);
    if (next.value === undefined && next.next.size === 0) node.next.delete(word);
  }
}

function walk<V>(node: Node<V>, words: readonly string[], at: number, found: V[]): void {
  const word = words[at];
  if (word === undefined) {
    if (node.value !== undefined) found.push(node.value);
    return;
  }
  const rest = node.next.get(">");
  if (rest?.value !== undefined) found.push(rest.value);
  for (const name of [word, "*"]) {
    const next = node.next.get(name);
    if (next) walk(next, words, at + 1, found);
  }
}
