/** What stood where at the bottleneck at any moment of a run, from its journal. */

import { What } from "../engine/journal.js";

const EVERY = 4096; // events from one remembered moment to the next

export class Playback {
  #moments = [];
  #next = 0; // the first event that has not happened yet

  constructor(log, seconds) {
    this.log = log;
    this.seconds = seconds;
    const state = nothing();
    for (let index = 0; index <= log.at.length; index += 1) {
      if (index % EVERY === 0) this.#moments.push(copied(state));
      if (index < log.at.length) happen(state, log, index);
    }
    this.seek(0);
  }

  /** To just after what happens at `at`. */
  seek(at) {
    const to = Math.min(this.seconds, Math.max(0, at));
    const first = after(this.log.at, to);
    if (to < this.at || this.at === undefined || first - this.#next > EVERY) {
      const moment = Math.floor(first / EVERY);
      this.state = copied(this.#moments[moment]);
      this.#next = moment * EVERY;
    }
    for (; this.#next < first; this.#next += 1) happen(this.state, this.log, this.#next);
    this.at = to;
  }

  /** To the next moment at which something happens; null where nothing does any more, else what. */
  step() {
    const index = this.#next;
    if (index >= this.log.at.length) return null;
    this.seek(this.log.at[index]);
    return { what: this.log.what[index], lane: this.log.lane[index] };
  }

  /** Events within `seconds` before now, as many as `most`: {what, lane, age, index}, age from 0 (now) to 1. */
  recent(seconds, most) {
    const from = after(this.log.at, this.at - seconds), count = this.#next - from, found = [];
    const stride = Math.max(1, Math.ceil(count / most));
    for (let index = from + (stride - from % stride) % stride; index < this.#next; index += stride) {
      const age = (this.at - this.log.at[index]) / seconds;
      found.push({ what: this.log.what[index], lane: this.log.lane[index], age, index });
    }
    return found;
  }
}

const nothing = () => ({ waiting: [0, 0, 0], busy: 0, rejected: 0, left: 0, started: 0, freed: 0 });
const copied = (state) => ({ ...state, waiting: [...state.waiting] });

function happen(state, log, index) {
  const lane = log.lane[index];
  switch (log.what[index]) {
    case What.REJECTED: state.rejected += 1; break;
    case What.BOOKED: state.waiting[lane] += 1; break;
    case What.STARTED: state.waiting[lane] -= 1; state.busy += 1; state.started += 1; break;
    case What.FREED: state.busy -= 1; state.freed += 1; break;
    case What.LEFT: state.waiting[lane] -= 1; state.left += 1; break;
  }
}

/** The first index whose time is later. */
function after(times, at) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
