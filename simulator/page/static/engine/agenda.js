/** What is to happen when: simulator/engine/agenda.py. */

// Of one instant: what ends makes room before anybody is too late, and both are seen before who arrives. What expires
// when its client gives up is told to nobody.
export const ENDS = 0;
export const STARTS = 2 ** 48;
export const CLIENTS = 2 * 2 ** 48;
export const EXPIRES = 3 * 2 ** 48;
export const LOOKS = 4 * 2 ** 48;

const PAUSE = 4096; // events from one pause to the next

/** A heap of {when, order, act, a, b, c}. */
export class Agenda {
  #heap = [];
  #number = 0;
  #done = 0;
  stopped = false;

  put(when, rank, act, a = null, b = null, c = null) {
    this.#number += 1;
    const heap = this.#heap, event = { when, order: rank + this.#number, act, a, b, c };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!sooner(event, heap[above])) break;
      heap[at] = heap[above];
      at = above;
    }
    heap[at] = event;
  }

  /** Until nothing is left, or it is stopped. Yields the share of arrivals that have come, now and then. */
  *run(arrivals, arrive) {
    const heap = this.#heap;
    for (let number = 0; number < arrivals.length; number += 1) {
      const at = arrivals[number];
      while (heap.length && heap[0].when <= at) if (this.#next()) yield number / arrivals.length;
      arrive(at, number);
    }
    while (heap.length && !this.stopped) if (this.#next()) yield 1;
  }

  /** Whether it is time for a pause. */
  #next() {
    const heap = this.#heap, first = heap[0], last = heap.pop();
    if (heap.length) this.#sink(last);
    first.act(first.when, first.a, first.b, first.c);
    this.#done += 1;
    return this.#done % PAUSE === 0;
  }

  #sink(event) {
    const heap = this.#heap, count = heap.length;
    let at = 0;
    for (let below = 1; below < count; below = 2 * at + 1) {
      if (below + 1 < count && sooner(heap[below + 1], heap[below])) below += 1;
      if (!sooner(heap[below], event)) break;
      heap[at] = heap[below];
      at = below;
    }
    heap[at] = event;
  }
}

const sooner = (one, other) => one.when < other.when || (one.when === other.when && one.order < other.order);
