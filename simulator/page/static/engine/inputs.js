/** What chance brings to a run: simulator/engine/inputs.py. */

import { arrivals, instants } from "../scenario/arrivals.js";
import { drawing, stream, Stream } from "../scenario/chance.js";

/** {at, part, seconds}: by request; `seconds[k]` has what its k-th call takes. */
export function inputsOf(scenario, plan, replication = 0) {
  let at, part;
  if (plan.parts.length === 1) { // chance need not be asked
    at = [...instants(scenario.traffic, scenario.seed, replication)];
    part = new Array(at.length).fill(0);
  } else {
    const coming = [...arrivals(scenario, replication)];
    at = coming.map((each) => each.at);
    part = coming.map((each) => each.part);
  }
  return { at, part, seconds: secondsOf(scenario, plan, part, replication), replication };
}

/** Drawn in order of arrival, not of start. */
function secondsOf(scenario, plan, part, replication) {
  const most = Math.max(...plan.parts.map(({ operation }) => operation.calls.length));
  const columns = Array.from({ length: most }, () => new Float64Array(part.length));
  plan.services.forEach((service, number) => {
    const wanted = plan.parts.map(({ operation }) =>
      operation.calls.map((call, k) => (call.service === number ? k : -1)).filter((k) => k >= 0));
    const draw = drawing(service.time);
    const rng = stream(scenario.seed, Stream.SERVICES + number, replication);
    part.forEach((itsPart, request) => {
      for (const k of wanted[itsPart]) columns[k][request] = draw(rng);
    });
  });
  return columns;
}
