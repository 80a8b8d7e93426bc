/** One run of a scenario by discrete events: simulator/engine/events.py. */

import { stream, Stream } from "../scenario/chance.js";
import { Agenda, LOOKS } from "./agenda.js";
import { Crowd } from "./crowd.js";
import { Door } from "./door.js";
import { Jobs } from "./graph.js";
import { Inline } from "./inline.js";
import { inputsOf } from "./inputs.js";
import { meterOf } from "./meter.js";
import { planOf } from "./plan.js";
import { Station } from "./station.js";

/** Returns {requests, run}; yields the share of arrivals that have come, now and then. `journal`: see journal.js. */
export function* byEvents(scenario, document, journal, replication = 0) {
  const plan = planOf(document), agenda = new Agenda(), inputs = inputsOf(scenario, plan, replication);
  const workers = stream(scenario.seed, Stream.WORKERS, replication);
  const clients = stream(scenario.seed, Stream.CLIENTS, replication);
  const meter = meterOf(scenario, plan);
  const stations = plan.services.map((_, number) => new Station({
    scenario, plan, number, agenda, inputs, chance: workers,
    ...(number === plan.bottleneck ? { meter, journal } : { meter: null, journal: null }),
  }));
  const door = new Door(scenario, stations, clients);
  const inline = new Inline({ plan, stations, agenda, inputs, chance: workers });
  const crowd = new Crowd({ scenario, plan, inputs, agenda, door, inline, meter, journal, chance: clients });
  crowd.jobs = new Jobs(stations, stations[plan.bottleneck], crowd, scenario.pattern);
  const last = Math.max(scenario.traffic.duration_seconds, inputs.at.at(-1) ?? 0);
  look({ last, agenda, station: stations[plan.bottleneck], crowd, meter });
  yield* agenda.run(inputs.at, crowd.arrive);
  return { requests: crowd.requests(), run: meter.run() };
}

/** At the end of each second, how deep the bottleneck's queue is; the run is over when there is nothing to see. Nobody comes after `last`. */
function look({ last, agenda, station, crowd, meter }) {
  const again = (now) => {
    const oldest = station.lanes.oldestOfAll();
    meter.looked(station.booked.reduce((sum, places) => sum + places, 0), oldest ? now - oldest.queued : 0);
    if (now >= last && !crowd.open) agenda.stopped = true;
    else agenda.put(now + 1, LOOKS, again);
  };
  agenda.put(1, LOOKS, again);
  if (meter.calm_from !== null) agenda.put(meter.calm_from, LOOKS, (now) => !station.queued && meter.emptied(now));
}
