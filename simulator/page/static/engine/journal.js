/** What happened at the bottleneck, event by event: for looking at it afterwards. Python keeps none. */

export const What = { REJECTED: 0, BOOKED: 1, STARTED: 2, FREED: 3, LEFT: 4 };

const FIRST_ROOM = 65_536;

export class Journal {
  length = 0;
  #at = new Float64Array(FIRST_ROOM);
  #what = new Uint8Array(FIRST_ROOM);
  #lane = new Uint8Array(FIRST_ROOM); // by priority

  rejected(now, lane) {
    this.#note(now, What.REJECTED, lane);
  }

  booked(now, lane) {
    this.#note(now, What.BOOKED, lane);
  }

  started(now, lane) {
    this.#note(now, What.STARTED, lane);
  }

  /** A slot. */
  freed(now, lane) {
    this.#note(now, What.FREED, lane);
  }

  /** Without having been started. */
  left(now, lane) {
    this.#note(now, What.LEFT, lane);
  }

  /** No larger than it must be. */
  packed() {
    const { length } = this;
    return { at: this.#at.slice(0, length), what: this.#what.slice(0, length), lane: this.#lane.slice(0, length) };
  }

  #note(now, what, lane) {
    if (this.length === this.#at.length) this.#grow();
    this.#at[this.length] = now;
    this.#what[this.length] = what;
    this.#lane[this.length] = lane;
    this.length += 1;
  }

  #grow() {
    const larger = (of) => {
      const made = new of.constructor(2 * of.length);
      made.set(of);
      return made;
    };
    this.#at = larger(this.#at);
    this.#what = larger(this.#what);
    this.#lane = larger(this.#lane);
  }
}
