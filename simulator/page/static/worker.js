/** Simulates one pattern off the page's thread; what is asked last goes before what is still being computed. */

import { expectedArrivals } from "./scenario/arrivals.js";
import { figures } from "./scenario/tally.js";
import { Journal } from "./engine/journal.js";
import { byEvents } from "./engine/events.js";
import { asWhole, thinned } from "./engine/thinned.js";

const SHORT = 30_000; // arrivals that are simulated at once; of more, a rough run of as many comes first
const SLICE_MS = 40;
let newest = 0;

onmessage = ({ data }) => {
  newest = data.number;
  run(data);
};

async function run({ number, pattern, scenario, plan }) {
  const asked = { ...scenario, pattern };
  const expected = expectedArrivals(asked.traffic);
  if (expected > SHORT) {
    const rough = thinned(asked, plan, SHORT / expected);
    if (!(await simulated(number, pattern, rough.scenario, rough.plan, SHORT / expected))) return;
  }
  await simulated(number, pattern, asked, plan, 1);
}

/** False where something newer was asked for meanwhile. `scale` is 1 of the run that was asked for. */
async function simulated(number, pattern, scenario, plan, scale) {
  const journal = new Journal(), began = performance.now();
  const running = byEvents(scenario, plan, journal);
  let pause = performance.now();
  for (;;) {
    const { done, value } = running.next();
    if (done) {
      const found = figures(scenario, "simulation", value.requests, value.run);
      const ms = performance.now() - began;
      const log = journal.packed();
      postMessage({ number, pattern, scale, figures: asWhole(found, scale), log, ms }, [log.at.buffer, log.what.buffer, log.lane.buffer]);
      return true;
    }
    if (performance.now() - pause < SLICE_MS) continue;
    if (scale === 1) postMessage({ number, pattern, progress: value });
    await breath();
    if (number !== newest) return false;
    pause = performance.now();
  }
}

/** Lets in what was posted. */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
