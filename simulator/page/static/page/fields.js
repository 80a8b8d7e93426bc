/** The parameters of a scenario: in what order, in what words, in what units. Bounds come from the scenario's schema. */

/** `path` within its group; `range`: from, to, step of the slider that goes with the number. */
const field = (path, label, { unit = "", help = "", range = null, words = {}, optional = false } = {}) =>
  ({ path: path.split("."), label, unit, help, range, words, optional });

export const GROUPS = [
  {
    title: "Traffic",
    path: ["traffic"],
    fields: [
      field("baseline_per_second", "Baseline", { unit: "requests/s", range: [0, 500, 1] }),
      field("duration_seconds", "Length of the run", { unit: "s", range: [10, 1800, 10] }),
      field("warmup_seconds", "Warm-up", { unit: "s", help: "Left out of the figures." }),
      field("arrivals", "Arrivals", { help: "By chance, or evenly spaced.", words: { poisson: "Poisson", even: "even" } }),
    ],
  },
  {
    title: "Spikes",
    path: ["traffic", "spikes"],
    each: "Spike",
    fields: [
      field("at_seconds", "Begins at", { unit: "s", range: [0, 1800, 5] }),
      field("duration_seconds", "Lasts", { unit: "s", range: [5, 900, 5] }),
      field("rate_per_second", "Rate", { unit: "requests/s", help: "In all, baseline included.", range: [0, 1000, 5] }),
      field("ramp_seconds", "Ramp", { unit: "s", help: "Within its length: up to the rate, and down again." }),
      field("every_seconds", "Comes again every", { unit: "s", help: "0: it comes once." }),
    ],
  },
  {
    title: "Mix",
    path: ["traffic", "mix"],
    each: "Part",
    fields: [
      field("operation", "Operation"),
      field("priority", "Priority"),
      field("share", "Share of arrivals", { help: "0 to 1; all parts add up to 1.", range: [0, 1, 0.05] }),
    ],
  },
  {
    title: "Clients",
    path: ["clients"],
    fields: [
      field("timeout_seconds", "Give up after", { unit: "s", range: [1, 120, 1] }),
      field("wait", "Learn of the end by", {
        words: { poll: "polling", backoff: "polling, ever slower", long_poll: "long poll", sse: "events (SSE)", websocket: "WebSocket" },
      }),
      field("poll_seconds", "Poll every", { unit: "s", help: "For clients that poll." }),
      field("retries", "Try again", { unit: "times", help: "After a time-out or a 503.", range: [0, 5, 1] }),
      field("retry_backoff_seconds", "Pause before it", { unit: "s" }),
      field("honours_retry_after", "Heed Retry-After"),
      field("cancels", "Cancel", { help: "Withdraw the job when they give up." }),
    ],
  },
  {
    title: "Services",
    path: ["services"],
    each: "Service",
    help: "The bottlenecks, the one that charts show first. All others are taken from services.toml.",
    fields: [
      field("name", "Service"),
      field("max_concurrency", "Slots", { unit: "calls at once", help: "Over all workers together.", range: [1, 500, 1] }),
      field("rate_per_second", "Limit by rate", { unit: "calls/s", help: "0: none.", range: [0, 1000, 5] }),
      field("time.mean_seconds", "Time of a call, mean", { unit: "s", range: [0.01, 5, 0.01] }),
      field("time.distribution", "Distributed"),
      field("time.cv", "Its deviation ÷ mean", { help: "Of lognormal and gamma." }),
      field("error_rate", "Calls that fail", { help: "Share, 0 to 1.", range: [0, 1, 0.01] }),
    ],
  },
  {
    title: "Queue",
    path: ["queue"],
    fields: [
      field("capacity", "Capacity", { unit: "places", help: "Waiting places of each service.", range: [0, 30000, 100] }),
      field("ttl_seconds", "TTL", {
        unit: "s", help: "Longest wait for a start; 0: what the clients' patience leaves.", range: [0, 120, 1],
      }),
      field("admission", "Look at, before accepting", {
        help: "Full: places, priorities, the predicted wait, the breaker.",
        words: { none: "nothing", capacity: "free places", full: "everything (full)" },
      }),
      field("discipline", "Start next", {
        words: { weighted: "by weight, 8 : 3 : 1", fifo: "the oldest (FIFO)", lifo: "the newest (LIFO)", priority: "the highest priority" },
      }),
      field("shares.high", "Places for high", { help: "Share of the capacity that one priority may fill." }),
      field("shares.normal", "Places for normal"),
      field("shares.low", "Places for low"),
    ],
  },
  {
    title: "Synchronous",
    path: [],
    fields: [
      field("gateway_concurrency", "Requests held at once", {
        help: "By all gateways together, each for a whole call.", range: [1, 2000, 1],
      }),
    ],
  },
  {
    title: "Objectives (SLO)",
    path: ["slo"],
    help: "What is left empty is not looked at.",
    fields: [
      field("success_share", "Succeed, at least", { help: "Share of requests, 0 to 1.", optional: true }),
      field("accept_p99_seconds", "Accepted within, p99", { unit: "s", optional: true }),
      field("result_p95_seconds", "Result within, p95", { unit: "s", optional: true }),
      field("drain_seconds", "Drained within", { unit: "s", help: "After the last spike.", optional: true }),
    ],
  },
  {
    title: "The run",
    path: [],
    fields: [
      field("name", "Name"),
      field("seed", "Seed", { help: "Same seed, same arrivals and service times." }),
      field("replications", "Replications", { help: "Of bff simulate; this page shows the first." }),
      field("pattern", "Pattern", {
        help: "Of bff simulate and bff load; this page shows both.", words: { async: "asynchronous", sync: "synchronous" },
      }),
    ],
  },
];

/** What a new element of a list begins with. */
export const FRESH = {
  "traffic.spikes": (scenario) => ({
    at_seconds: Math.max(0, ...scenario.traffic.spikes.map((spike) => spike.at_seconds + spike.duration_seconds)) + 30,
    duration_seconds: 30,
    rate_per_second: 2 * scenario.traffic.baseline_per_second + 10,
    ramp_seconds: 0,
    every_seconds: 0,
  }),
  "traffic.mix": () => ({ operation: "echo", priority: "normal", share: 0.1 }),
  services: (scenario, known) => {
    const called = scenario.traffic.mix.flatMap((part) => known.operations[part.operation].services);
    const taken = scenario.services.map((service) => service.name);
    const name = called.find((each) => !taken.includes(each)) ?? called[0];
    const { max_concurrency, mean_seconds } = known.services[name];
    return { name, max_concurrency, rate_per_second: 0, time: { distribution: "exponential", mean_seconds, cv: 1 }, error_rate: 0 };
  },
};
