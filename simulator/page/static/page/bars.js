/** Figures of the whole run, side by side: percentiles as bars, ends as shares of one bar. */

import { ticks } from "./axes.js";
import { element, svg, table } from "./element.js";
import { number, percent } from "./words.js";

const ROW = 22;
const LEFT = 64;
let made = 0;

class Bars {
  constructor(title) {
    this.title = title;
    this.id = `bars-${(made += 1)}`;
    this.picture = element("div");
    this.legend = element("ul", { class: "legend" });
    this.said = element("p", { class: "said", id: `${this.id}-said` });
    this.rows = element("div", { class: "wide", role: "region", tabindex: "0", "aria-label": `Table: ${title}` });
    const details = element("details", {}, element("summary", {}, `Table: ${title}`), this.rows);
    const caption = element("figcaption", { id: `${this.id}-title` }, title);
    this.element = element("figure", {}, caption, this.legend, this.picture, this.said, details);
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  put(width, height, ...drawn) {
    this.picture.replaceChildren(svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": `${this.id}-title`, "aria-describedby": this.said.id },
      ...drawn,
    ));
  }

  get width() {
    return Math.floor(this.picture.clientWidth);
  }
}

const swatch = (style, name) => element(
  "li", {}, svg("svg", { viewBox: "0 0 32 12", "aria-hidden": "true" }, svg("rect", { class: style, width: 32, height: 12 })), name,
);

/** p50, p95, p99 of seconds, for each run. */
export class PercentileBars extends Bars {
  /** `runs`: {name, style, seconds}. */
  show(runs, sentence) {
    this.runs = runs;
    this.said.textContent = sentence;
    this.legend.replaceChildren(...runs.map(({ name, style }) => swatch(`bar-${style}`, name)));
    const rows = ["mean", "p50", "p95", "p99"].map((of) => [of, ...runs.map(({ seconds }) => `${number(seconds[of])} s`)]);
    this.rows.replaceChildren(table(this.title, ["of all", ...runs.map(({ name }) => name)], rows));
    this.draw();
  }

  draw() {
    if (!this.runs || this.width < 50) return;
    const most = ticks(Math.max(...this.runs.map(({ seconds }) => seconds.p99)) || 1).at(-1);
    const scale = (this.width - LEFT - 56) / most, drawn = [];
    let y = 4;
    for (const of of ["p50", "p95", "p99"]) {
      drawn.push(svg("text", { x: LEFT - 8, y: y + this.runs.length * ROW / 2 + 4, "text-anchor": "end" }, of));
      for (const { style, seconds } of this.runs) {
        const width = Math.max(1, seconds[of] * scale);
        drawn.push(svg("rect", { class: `bar-${style}`, x: LEFT, y, width, height: ROW - 4 }));
        drawn.push(svg("text", { x: LEFT + width + 6, y: y + 14 }, `${number(seconds[of])} s`));
        y += ROW;
      }
      y += 8;
    }
    this.put(this.width, y, ...drawn);
  }
}

export const END_WORDS = {
  succeeded: "succeeded", expired: "expired", rejected: "rejected", failed: "failed", timed_out: "timed out", lost: "lost",
};

/** What became of all requests, for each run. */
export class EndBars extends Bars {
  /** `runs`: {name, shares}. */
  show(runs, sentence) {
    this.runs = runs;
    this.said.textContent = sentence;
    const ends = Object.keys(END_WORDS).filter((end) => end === "succeeded" || runs.some(({ shares }) => shares[end] > 0));
    this.legend.replaceChildren(...ends.map((end) => swatch(`end-${end}`, END_WORDS[end])));
    const rows = runs.map(({ name, shares }) => [name, ...Object.keys(END_WORDS).map((end) => percent(shares[end]))]);
    this.rows.replaceChildren(table(this.title, ["pattern", ...Object.values(END_WORDS)], rows));
    this.draw();
  }

  draw() {
    if (!this.runs || this.width < 50) return;
    const drawn = [svg("g", { class: "ends" })], scale = this.width / 1;
    let y = 0;
    for (const { name, shares } of this.runs) {
      drawn.push(svg("text", { x: 0, y: y + 14 }, name));
      let x = 0;
      for (const end of Object.keys(END_WORDS)) {
        if (!shares[end]) continue;
        const width = shares[end] * scale;
        drawn[0].append(svg("rect", { class: `end-${end}`, x, y: y + 20, width, height: 26 }));
        x += width;
      }
      y += 58;
    }
    this.put(this.width, y, ...drawn);
  }
}
