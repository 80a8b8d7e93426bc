/** Curves over time, with levels across them: a picture, a legend, a sentence, and a table of the same. */

import { Axes } from "./axes.js";
import { element, svg, table } from "./element.js";
import { clock, number } from "./words.js";

const HEIGHT = 230;
const MOST_POINTS = 600;
const ROWS = 20;
let made = 0;

export class Chart {
  constructor({ title, unit = "" }) {
    this.title = title;
    this.unit = unit;
    this.id = `chart-${(made += 1)}`;
    this.picture = element("div");
    this.legend = element("ul", { class: "legend" });
    this.said = element("p", { class: "said", id: `${this.id}-said` });
    this.rows = element("div", { class: "wide", role: "region", tabindex: "0", "aria-label": `Table: ${title}` });
    const details = element("details", {}, element("summary", {}, `Table: ${title}`), this.rows);
    const caption = element("figcaption", { id: `${this.id}-title` }, title);
    this.element = element("figure", {}, caption, this.legend, this.picture, this.said, details);
    new ResizeObserver(() => this.#draw()).observe(this.picture);
  }

  /** `curves`: {name, style, values}, a value for the end of each second; `levels`: {name, value}. */
  show({ curves, levels = [], sentence, most = null }) {
    Object.assign(this, { curves, levels, most });
    this.said.textContent = sentence;
    this.legend.replaceChildren(
      ...curves.map(({ name, style }) => entry(`curve ${style}`, name)),
      ...levels.map(({ name }, index) => entry(index ? "level second" : "level", name)),
    );
    this.#tabulate();
    this.#draw();
  }

  get highest() {
    const values = this.curves.map(({ values }) => values.reduce((most, value) => Math.max(most, value), 0));
    return Math.max(...values);
  }

  #draw() {
    const width = Math.floor(this.picture.clientWidth);
    if (!this.curves || width < 50) return;
    const highest = this.most ?? this.highest;
    const near = this.levels.filter(({ value }) => value <= highest * 2.5 || highest === 0);
    const yMost = Math.max(highest, ...near.map(({ value }) => value)) || 1;
    const axes = new Axes({ width, height: HEIGHT, xMost: Math.max(...this.curves.map(({ values }) => values.length)), yMost });
    this.picture.replaceChildren(svg(
      "svg",
      { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-labelledby": `${this.id}-title`, "aria-describedby": this.said.id },
      axes.drawn(this.unit && ` ${this.unit}`),
      ...this.levels.map((level, index) => line(axes, level.value, index)),
      ...this.curves.map(({ style, values }) => svg("path", { class: `curve ${style}`, d: path(axes, values) })),
    ));
  }

  #tabulate() {
    const length = Math.max(...this.curves.map(({ values }) => values.length));
    const step = Math.max(1, Math.ceil(length / ROWS));
    const seconds = Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
    const rows = seconds.map((second) => [clock(second + 1), ...this.curves.map(({ values }) => said(values[second]))]);
    const levels = this.levels.map(({ name, value }) => `${name}: ${number(value)}`).join("; ");
    this.rows.replaceChildren(table(levels || this.title, ["at", ...this.curves.map(({ name }) => name)], rows));
  }
}

const said = (value) => (value === undefined ? "" : number(value));

/** A level that lies beyond the picture is in legend and table alone. */
function line(axes, value, index) {
  if (value > axes.yTop) return svg("g");
  const y = axes.y(value);
  return svg("line", { class: index ? "level second" : "level", x1: axes.left, x2: axes.width - axes.right, y1: y, y2: y });
}

/** Of many points, the highest of each few. */
function path(axes, values) {
  const few = Math.max(1, Math.ceil(values.length / MOST_POINTS));
  let d = "";
  for (let from = 0; from < values.length; from += few) {
    let highest = values[from];
    for (let at = from + 1; at < Math.min(from + few, values.length); at += 1) highest = Math.max(highest, values[at]);
    d += `${d ? "L" : "M"}${axes.x(from + 1).toFixed(1)} ${axes.y(highest).toFixed(1)}`;
  }
  return d;
}

function entry(style, name) {
  const swatch = svg("svg", { viewBox: "0 0 32 12", "aria-hidden": "true" }, svg("line", { class: style, x1: 0, x2: 32, y1: 6, y2: 6 }));
  return element("li", {}, swatch, name);
}
