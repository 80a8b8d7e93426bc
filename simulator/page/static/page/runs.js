/** Both patterns at once, each in a worker of its own, on the same arrivals. */

export const PATTERNS = ["async", "sync"];

export class Runs {
  #number = 0;
  #workers = new Map();

  /** `heard` is called with {pattern, progress}, or {pattern, scale, figures, log, ms}: of what was asked last alone. */
  constructor(heard) {
    for (const pattern of PATTERNS) {
      const worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }) => data.number === this.#number && heard(data);
      worker.onerror = (event) => heard({ pattern, broken: event.message });
      this.#workers.set(pattern, worker);
    }
  }

  start(scenario, plan) {
    this.#number += 1;
    for (const [pattern, worker] of this.#workers) worker.postMessage({ number: this.#number, pattern, scenario, plan });
  }
}
