/** What admission says of a chain of calls to services that are all well, sooner: simulator/engine/prediction.py. */

import { CAME_WITHIN_MS, HOP_MS, SHED_ABOVE_PER_MILLE, START_MARGIN_MS, WEIGHTS } from "../policies/admission.js";
import { PRIORITIES } from "./plan.js";

const ALL_WEIGHTS = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0);

/** [verdict, in how many ms that would be different] of who is turned away; null: it is let in. */
export function predicted(now, stations, operation, priority) {
  const weight = WEIGHTS[PRIORITIES[priority]], shedAbove = SHED_ABOVE_PER_MILLE[PRIORITIES[priority]];
  const slowMs = operation.calls.map((call) => Math.ceil(stations[call.service].slowUs(now) / 1000));
  // The rest of the path, each call a slow one, leaves ever more time the further it is.
  let latest = operation.timeout_ms - START_MARGIN_MS - slowMs.reduce((sum, ms) => sum + ms, 0) - HOP_MS * (slowMs.length - 1);
  let begins = 0;
  for (let k = 0; k < slowMs.length; k += 1) {
    const station = stations[operation.calls[k].service], { booked, spacing_us: spacingUs } = station;
    const waiting = booked[priority], total = booked[0] + booked[1] + booked[2];
    if (waiting >= station.bounds[priority]) {
      return ["queue-full", Math.ceil((waiting - station.bounds[priority] + 1) * spacingUs / 1000)];
    }
    const threshold = station.service.capacity * shedAbove;
    if (total * 1000 >= threshold) return ["shedding", Math.ceil((total - Math.floor(threshold / 1000) + 1) * spacingUs / 1000)];
    let ahead = station.lanes.begunBefore + Math.ceil(waiting * ALL_WEIGHTS / weight);
    const takenPerMille = Math.floor(station.others(now, priority) * spacingUs / CAME_WITHIN_MS);
    if (takenPerMille < 1000) ahead = Math.min(ahead, Math.floor(total * 1000 / (1000 - takenPerMille)));
    const start = Math.max(begins, Math.floor(ahead * spacingUs / 1000)), longestMs = station.longest_ms[priority];
    const by = longestMs ? Math.min(latest, begins + longestMs) : latest;
    if (start > by) return ["deadline-unattainable", start - by];
    begins = start + Math.ceil(station.service_us / 1000);
    latest += HOP_MS + slowMs[k];
  }
  return null;
}
