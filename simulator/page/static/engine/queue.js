/** First in, first out, or last: what Python's deque does. */
export class Queue {
  #items = [];
  #head = 0;

  get length() {
    return this.#items.length - this.#head;
  }

  get first() {
    return this.#items[this.#head];
  }

  push(item) {
    this.#items.push(item);
  }

  pop() {
    return this.#items.pop();
  }

  shift() {
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear() {
    this.#items = [];
    this.#head = 0;
  }

  *[Symbol.iterator]() {
    for (let at = this.#head; at < this.#items.length; at += 1) yield this.#items[at];
  }
}
