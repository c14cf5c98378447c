// What a browser keeps of a chat.

/** What is kept of the chat in the storage of the page that it stands in: no cookie, nothing in a URL. */
export class Store {
  constructor(host) {
    this.key = `chapar.chat:${host}`;
    this.memory = {};
  }

  get(name) {
    return this.all()[name];
  }

  set(name, value) {
    this.memory = { ...this.all(), [name]: value };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.memory));
    } catch {
      // Storage may be forbidden or full; the chat then lasts as long as the page.
    }
  }

  clear() {
    this.memory = {};
    try {
      localStorage.removeItem(this.key);
    } catch {
      // As above.
    }
  }

  all() {
    try {
      // Other windows write here too.
      const kept = localStorage.getItem(this.key);
      return kept === null ? this.memory : JSON.parse(kept);
    } catch {
      return this.memory;
    }
  }
}
