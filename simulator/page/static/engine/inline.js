/** The calls that a gateway makes itself before it submits: simulator/engine/inline.py. */

import { ENDS } from "./agenda.js";

const WITHIN_SECONDS = 0.25;

export class Inline {
  constructor({ plan, stations, agenda, inputs, chance }) {
    this.free = plan.services.map((service) => service.inline_concurrency);
    this.error_rates = plan.services.map((service) => service.error_rate);
    Object.assign(this, { stations, agenda, inputs, chance });
  }

  /** How long it takes, and the calls that are done by then. */
  make(now, operation, request) {
    const done = [];
    let longest = 0;
    for (const [k, call] of operation.calls.entries()) {
      if (!call.inline || this.free[call.service] <= 0 || !this.stations[call.service].health.isClosed) continue;
      const seconds = this.inputs.seconds[k][request], held = Math.min(seconds, WITHIN_SECONDS);
      longest = Math.max(longest, held);
      this.free[call.service] -= 1;
      this.agenda.put(now + held, ENDS, this.#over, call.service);
      const failed = this.error_rates[call.service] && this.chance.random() < this.error_rates[call.service];
      if (seconds <= WITHIN_SECONDS && !failed) done.push(k);
    }
    return [longest, done];
  }

  #over = (now, service) => {
    this.free[service] += 1;
  };
}
