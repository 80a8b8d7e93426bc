/** Which lane of a service is served next: bff/policies/lanes.py. */

/** The lane whose turn it is, and what each is owed from then on. At least one of `waiting` is above 0. */
export function nextLane(waiting, weights, owed) {
  const grown = owed.map((debt, lane) => (waiting[lane] > 0 ? debt + weights[lane] : debt));
  let best = -1, paid = 0;
  for (let lane = 0; lane < waiting.length; lane += 1) {
    if (waiting[lane] <= 0) continue;
    paid += weights[lane];
    if (best < 0 || grown[lane] > grown[best]) best = lane;
  }
  grown[best] -= paid;
  return [best, grown];
}
