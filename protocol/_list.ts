/** A place in a {@linkcode List}; it is taken out in constant time. */
export interface ListNode<T> {
  readonly value: T;
  list: List<T> | undefined;
  before: ListNode<T> | undefined;
  after: ListNode<T> | undefined;
}

/**
 * A doubly linked list. A queue of messages loses some from its middle, which
 * an array can't do cheaply, and a `Set` is slow at its front once many of its
 * first items have gone.
 */
export class List<T> {
  #first: ListNode<T> | undefined;
  #last: ListNode<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  push(value: T): ListNode<T> {
    const node: ListNode<T> = { value, list: this, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = node;
    else this.#first = node;
    this.#last = node;
    this.#size++;
    return node;
  }

  /** Puts one before another that is in the list. */
  insertBefore(value: T, after: ListNode<T>): ListNode<T> {
    const node: ListNode<T> = { value, list: this, before: after.before, after };
    if (after.before) after.before.after = node;
    else this.#first = node;
    after.before = node;
    this.#size++;
    return node;
  }

  /** Takes one out of the list that it is in, if it is in one. */
  static remove<T>(node: ListNode<T>): void {
    node.list?.remove(node);
  }

  /** Takes one away that is in this list. */
  remove(node: ListNode<T>): void {
    if (node.list !== this) return;
    if (node.before) node.before.after = node.after;
    else this.#first = node.after;
    if (node.after) node.after.before = node.before;
    else this.#last = node.before;
    node.list = node.before = node.after = undefined;
    this.#size--;
  }

  /** From the first to the last; the one that was yielded last may be taken away. */
  *[Symbol.iterator](): Generator<T, void, void> {
    for (let node = this.#first; node;) {
      const { value, after } = node;
      yield value;
      node = after;
    }
  }

  clear(): void {
    while (this.#first) this.remove(this.#first);
  }
}
