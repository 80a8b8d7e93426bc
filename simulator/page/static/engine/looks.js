/** When clients look whether their job has ended, and so when they know: simulator/engine/looks.py. */

import { pollAfterSeconds } from "../policies/polling.js";
import { HOLD_SECONDS, looks, pauseSeconds } from "../scenario/patience.js";

export class Looks {
  #after;
  #asks;
  #held;
  #timeout;

  constructor(clients) {
    this.#asks = clients.wait === "poll" || clients.wait === "backoff";
    this.#held = clients.wait === "long_poll";
    this.#timeout = clients.timeout_seconds;
    this.#after = this.#asks ? looksOf(clients) : [];
  }

  /** After an answer that accepts, of what ended so long after it. */
  told(seconds) {
    if (!this.#asks) return seconds;
    const number = this.#from(seconds);
    return number < this.#after.length ? this.#after[number] : seconds;
  }

  /** Requests to the gateway until it was told, or gave up. */
  polls(seconds) {
    const within = Math.min(seconds, this.#timeout);
    if (this.#asks) return Math.min(this.#after.length, this.#from(within) + 1);
    return this.#held ? Math.max(1, Math.ceil(within / HOLD_SECONDS)) : 0;
  }

  /** The first look that is not before so many seconds. */
  #from(seconds) {
    let low = 0, high = this.#after.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#after[middle] < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function looksOf(clients) {
  const instants = [];
  let at = 0;
  for (const own of looks(clients)) {
    at = Math.min(clients.timeout_seconds, at + pauseSeconds(own, Math.ceil(pollAfterSeconds(at, 0)), clients));
    instants.push(at);
    if (at >= clients.timeout_seconds) break;
  }
  return instants;
}
