/** What waits before a service, and which of it is next: simulator/engine/lanes.py. */

import { WEIGHTS } from "../policies/admission.js";
import { nextLane } from "../policies/lanes.js";
import { QUEUED } from "./job.js";
import { PRIORITIES } from "./plan.js";
import { Queue } from "./queue.js";

export const AGAIN = PRIORITIES.length; // the lane of what was begun before: it goes first
const WEIGHTS_BY_LANE = PRIORITIES.map((priority) => WEIGHTS[priority]);

/** Of an entry: {job, k, queued, start_by}. */
export const alive = (entry) => entry.job.states[entry.k] === QUEUED;

export class Lanes {
  #queues = Array.from({ length: AGAIN + 1 }, () => new Queue());
  #discipline;
  #owed = PRIORITIES.map(() => 0);
  waiting = 0; // the dead too

  constructor(discipline) {
    const one = discipline === "fifo" || discipline === "lifo";
    this.lane_of = PRIORITIES.map((_, lane) => (one ? 0 : lane));
    this.#discipline = discipline;
  }

  put(lane, entry) {
    this.#queues[lane].push(entry);
    this.waiting += 1;
  }

  /** The one that has waited longest and is alive, or null; what is dead before it is forgotten. */
  oldest(lane) {
    const queue = this.#queues[lane];
    while (queue.length) {
      if (alive(queue.first)) return queue.first;
      queue.shift();
      this.waiting -= 1;
    }
    return null;
  }

  oldestOfAll() {
    let oldest = null;
    for (let lane = 0; lane <= AGAIN; lane += 1) {
      const head = this.oldest(lane);
      if (head && (!oldest || head.queued < oldest.queued)) oldest = head;
    }
    return oldest;
  }

  get begunBefore() {
    return this.#queues[AGAIN].length;
  }

  /** The next one that is alive, out of its lane; or null. */
  take() {
    while (this.waiting) {
      const lane = this.#next(), queue = this.#queues[lane];
      const entry = this.#discipline === "lifo" && lane !== AGAIN ? queue.pop() : queue.shift();
      this.waiting -= 1;
      if (alive(entry)) return entry;
    }
    return null;
  }

  #next() {
    if (this.#queues[AGAIN].length) return AGAIN;
    const counts = [], holding = [];
    for (let lane = 0; lane < AGAIN; lane += 1) {
      counts.push(this.#queues[lane].length);
      if (counts[lane]) holding.push(lane);
    }
    if (holding.length === 1 || this.#discipline !== "weighted") return holding[0];
    const [lane, owed] = nextLane(counts, WEIGHTS_BY_LANE, this.#owed);
    this.#owed = owed;
    return lane;
  }
}
