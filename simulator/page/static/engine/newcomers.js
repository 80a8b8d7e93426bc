/** Who came to a service's lanes of late: simulator/engine/newcomers.py. */

import { CAME_WITHIN_MS } from "../policies/admission.js";
import { PRIORITIES } from "./plan.js";

const none = () => PRIORITIES.map(() => 0);

export class Newcomers {
  #beganMs = 0;
  #came = none();
  #before = none();

  /** To the lanes of the other priorities. */
  others(nowMs, priority) {
    const age = nowMs - this.#beganMs;
    let came = this.#came, before = this.#before;
    if (age >= CAME_WITHIN_MS) {
      before = age < 2 * CAME_WITHIN_MS ? came : none();
      came = none();
    }
    const left = CAME_WITHIN_MS - age % CAME_WITHIN_MS;
    let others = 0;
    for (let lane = 0; lane < came.length; lane += 1) {
      if (lane !== priority) others += came[lane] + Math.floor(before[lane] * left / CAME_WITHIN_MS);
    }
    return others;
  }

  note(nowMs, priority) {
    const age = nowMs - this.#beganMs;
    if (age >= CAME_WITHIN_MS) {
      this.#before = age < 2 * CAME_WITHIN_MS ? this.#came : none();
      this.#came = none();
      this.#beganMs = nowMs - age % CAME_WITHIN_MS;
    }
    this.#came[priority] += 1;
  }
}
