/** A list of files that says when it changes: what `useSyncExternalStore` subscribes to. */

interface Item {
  id: number;
  file: File;
}

export class Watched<Of extends Item> {
  #items: readonly Of[] = [];
  #listeners = new Set<() => void>();
  #nextId = 1;

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The same array until something changes. */
  snapshot = () => this.#items;

  /** Put files at the end, each with its own state. */
  protected append(files: readonly File[], state: (file: File) => Omit<Of, keyof Item>): Of[] {
    const items = files.map((file) => ({ id: this.#nextId++, file, ...state(file) }) as Of);
    this.#set([...this.#items, ...items]);
    return items;
  }

  protected of(id: number): Of | undefined {
    return this.#items.find((item) => item.id === id);
  }

  protected change(id: number, state: Partial<Of>): void {
    this.#set(this.#items.map((item) => (item.id === id ? { ...item, ...state } : item)));
  }

  protected keep(isWanted: (item: Of) => boolean): void {
    this.#set(this.#items.filter(isWanted));
  }

  #set(items: readonly Of[]): void {
    this.#items = items;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
