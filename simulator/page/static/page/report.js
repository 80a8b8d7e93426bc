/** The charts: what is drawn in each, and what is said of it. */

import { EndBars, END_WORDS, PercentileBars } from "./bars.js";
import { Chart } from "./chart.js";
import { element } from "./element.js";
import { clock, count, listed, number, percent, rate, seconds } from "./words.js";

export const SHORT = { async: "async", sync: "sync", laid: "laid over" };
export const NAMES = { async: "asynchronous", sync: "synchronous", laid: "laid over" };
const RATES = ["arrived", "accepted", "served", "expired", "rejected"];

export class Report {
  constructor(root) {
    this.depth = new Chart({ title: "Waiting at the bottleneck" });
    this.age = new Chart({ title: "Age of the oldest that waits", unit: "s" });
    this.rates = { async: new Chart({ title: "Each second, asynchronous" }), sync: new Chart({ title: "Each second, synchronous" }) };
    this.ends = new EndBars("What becomes of requests");
    this.result = new PercentileBars("From sending to the end, of what succeeds");
    this.wait = new PercentileBars("Waiting for a start at the bottleneck");
    this.told = new PercentileBars("Until the client knows");
    const rates = element("div", { class: "pair span" }, this.rates.async.element, this.rates.sync.element);
    this.ends.element.classList.add("span");
    root.append(this.ends.element, this.depth.element, this.age.element, rates);
    root.append(this.result.element, this.told.element, this.wait.element);
  }

  /** `runs`: figures by "async", "sync" and, where one is laid over, "laid". */
  show(runs, demands) {
    const of = Object.entries(runs);
    const useful = demands.capacity * demands.ttl_seconds;
    this.depth.show({
      curves: of.map(([key, figures]) => curve(key, figures.series.depth)),
      levels: [{ name: `capacity ${count(demands.places)}`, value: demands.places }, { name: `C·TTL ${count(useful)}`, value: useful }],
      sentence: depthSentence(of, demands.places, useful),
    });
    this.age.show({
      curves: of.map(([key, figures]) => curve(key, figures.series.oldest_age)),
      levels: [{ name: `TTL ${number(demands.ttl_seconds)} s`, value: demands.ttl_seconds }],
      sentence: `The longest that the oldest has waited: ${listed(of.map(([key, { series }]) => `${NAMES[key]} ${seconds(mostOf(series.oldest_age))}`))}.`,
    });
    this.#rates(runs);
    this.ends.show(of.map(([key, figures]) => ({ name: NAMES[key], shares: figures.shares })), endsSentence(of));
    this.#percentiles(of);
  }

  #rates(runs) {
    const most = Math.max(...["async", "sync"].flatMap((key) => RATES.map((name) => mostOf(runs[key].series[name]))));
    for (const key of ["async", "sync"]) {
      const { series, goodput_per_second } = runs[key];
      this.rates[key].show({
        curves: RATES.map((name) => ({ name, style: name, values: series[name] })),
        most,
        sentence: `At most ${rate(mostOf(series.arrived))} arrive and ${rate(mostOf(series.served))} are served; `
          + `on average ${rate(goodput_per_second)} succeed.`,
      });
    }
  }

  #percentiles(of) {
    const bars = (name) => of.map(([key, figures]) => ({ name: NAMES[key], style: key, seconds: figures[name] }));
    const said = (name) => of.map(([key, figures]) => `${capital(NAMES[key])}: ${seconds(figures[name].p50)} in the middle, ${seconds(figures[name].p99)} at p99.`).join(" ");
    this.result.show(bars("result_seconds"), said("result_seconds"));
    this.wait.show(bars("wait_seconds"), said("wait_seconds"));
    this.told.show(bars("told_seconds"), said("told_seconds"));
  }
}

const curve = (key, values) => ({ name: NAMES[key], style: key, values });
const capital = (name) => `${name[0].toUpperCase()}${name.slice(1)}`;
const mostOf = (values) => values.reduce((most, value) => Math.max(most, value), 0);

function depthSentence(of, places, useful) {
  const peaks = of.map(([key, { peak_depth, series }]) => {
    const at = series.depth.indexOf(mostOf(series.depth));
    return `${NAMES[key]} ${count(peak_depth)} at ${clock(at + 1)}`;
  });
  const beyond = places > useful ? ` What stands further back than ${count(useful)} cannot start in time.` : "";
  return `At the deepest: ${listed(peaks)}.${beyond}`;
}

export function endsSentence(of) {
  return of.map(([key, { shares }]) => {
    const parts = Object.keys(END_WORDS).filter((end) => shares[end] > 0).map((end) => `${percent(shares[end])} ${END_WORDS[end]}`);
    return `${capital(NAMES[key])}: ${listed(parts)}.`;
  }).join(" ");
}
