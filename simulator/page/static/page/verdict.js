/** The verdict, before any picture: capacity against what comes, thresholds, figures side by side. */

import { element, table } from "./element.js";
import { endsSentence, SHORT } from "./report.js";
import { count, number, percent, rate, seconds } from "./words.js";

const THRESHOLDS = {
  success_share: "succeed, at least",
  accept_p99_seconds: "accepted within, p99",
  result_p95_seconds: "result within, p95",
  drain_seconds: "drained within",
};

export class Verdict {
  constructor(find) {
    this.find = find;
  }

  /** What needs no simulation. */
  capacity({ capacity, peak, service }, asked) {
    const enough = peak <= capacity;
    const state = this.find("capacity");
    state.classList.toggle("short", !enough);
    const sum = `${service} carries ${rate(capacity)}; ${rate(peak)} come at the peak`;
    state.textContent = enough ? `Within capacity: ${sum}.` : `Over capacity: ${sum}, ${number(peak / capacity)} times as many.`;
    this.find("asked").textContent = asked;
  }

  /** `runs`: figures by pattern. `rough`: of a thinned run. */
  show(runs, rough) {
    const of = Object.entries(runs);
    if (!rough) this.#say(endsSentence(of));
    const heads = of.map(([key]) => SHORT[key]);
    const tables = [table("Figures of the run", ["figure", ...heads], rows(of))];
    if (runs.async.slo.length) tables.unshift(thresholdTable(of, heads));
    this.find("outcomes").replaceChildren(...tables);
  }

  /** Once, however often it is so: what is written again is read aloud again. */
  #say(sentence) {
    const summary = this.find("summary");
    if (summary.textContent !== sentence) summary.textContent = sentence;
  }
}

function thresholdTable(of, heads) {
  const lines = of[0][1].slo.map(({ name, wanted }) => {
    const shown = name.endsWith("_share") ? percent(wanted, 2) : seconds(wanted);
    return [`${THRESHOLDS[name]} ${shown}`, ...of.map(([, { slo }]) => mark(slo.find((each) => each.name === name)))];
  });
  return table("Objectives", ["objective", ...heads], lines);
}

function mark(threshold) {
  if (!threshold) return "";
  const { name, got, met } = threshold;
  const shown = got === null ? "nothing measured" : name.endsWith("_share") ? percent(got, 2) : seconds(got);
  return element("span", { class: met ? "met" : "missed" }, `${shown}: ${met ? "met" : "missed"}`);
}

function rows(of) {
  const row = (title, value) => [title, ...of.map(([, figures]) => value(figures))];
  return [
    row("offered", (figures) => count(figures.offered)),
    row("succeeded", (figures) => percent(figures.shares.succeeded)),
    row("expired", (figures) => percent(figures.shares.expired)),
    row("rejected", (figures) => percent(figures.shares.rejected)),
    row("failed", (figures) => percent(figures.shares.failed)),
    row("timed out", (figures) => percent(figures.shares.timed_out)),
    row("goodput", (figures) => rate(figures.goodput_per_second)),
    row("slots busy, on average", (figures) => percent(figures.utilisation)),
    row("most waiting", (figures) => count(figures.peak_depth)),
    row("first rejection after", (figures) => seconds(figures.first_rejection_seconds)),
    row("first expiry after", (figures) => seconds(figures.first_expiry_seconds)),
    row("drained after", (figures) => seconds(figures.drain_seconds)),
    row("result p50", (figures) => seconds(figures.result_seconds.p50)),
    row("result p95", (figures) => seconds(figures.result_seconds.p95)),
    row("result p99", (figures) => seconds(figures.result_seconds.p99)),
  ];
}
