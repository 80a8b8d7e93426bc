/** A stage by numbers, as the server has worked it out: simulator/engine/plan.py. */

import { START_MARGIN_MS } from "../policies/admission.js";

export const PRIORITIES = ["high", "normal", "low"];
export const MARGIN_SECONDS = START_MARGIN_MS / 1000;

/** With the operation of each part of the mix in its place, and no bound where JSON has null. */
export function planOf(document) {
  const services = document.services.map((each) => ({
    ...each,
    longest_waits: each.longest_waits.map((seconds) => seconds ?? Infinity),
  }));
  const parts = document.parts.map(({ operation, priority }) => ({ operation: document.operations[operation], priority }));
  return { services, parts, bottleneck: document.bottleneck };
}
