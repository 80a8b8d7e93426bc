/** The same system, smaller: for a first look. What `--scale` does on the command line. */

const atLeastOne = (value) => Math.max(1, Math.round(value));

/** Rates, slots and places times `by`. */
export function thinned(scenario, plan, by) {
  const { traffic } = scenario;
  const spikes = traffic.spikes.map((spike) => ({ ...spike, rate_per_second: spike.rate_per_second * by }));
  return {
    scenario: {
      ...scenario,
      gateway_concurrency: atLeastOne(scenario.gateway_concurrency * by),
      traffic: { ...traffic, spikes, baseline_per_second: traffic.baseline_per_second * by },
    },
    plan: { ...plan, services: plan.services.map((service) => smaller(service, by)) },
  };
}

function smaller(service, by) {
  return {
    ...service,
    max_concurrency: atLeastOne(service.max_concurrency * by),
    inline_concurrency: service.inline_concurrency && atLeastOne(service.inline_concurrency * by),
    rate_per_second: service.rate_per_second * by,
    capacity: atLeastOne(service.capacity * by),
    bounds: service.bounds.map((bound) => atLeastOne(bound * by)),
  };
}

const COUNTS = ["offered", "accepted", "attempts", "peak_depth", "goodput_per_second", "polls_per_second"];
const COUNTED = ["depth", "arrived", "accepted", "served", "expired", "rejected"];

/** The figures of a thinned run in numbers of the whole. */
export function asWhole(figures, by) {
  const series = { ...figures.series };
  for (const name of COUNTED) series[name] = series[name].map((value) => value / by);
  return { ...figures, ...Object.fromEntries(COUNTS.map((name) => [name, figures[name] / by])), series };
}
