/** Scales of a chart, and the marks on them. */

import { svg } from "./element.js";
import { clock, number } from "./words.js";

/** Round steps from 0 to at least `most`, about `wanted` of them. */
export function ticks(most, wanted = 4) {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** Steps of time that people count in. */
export function timeTicks(most, wanted) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800];
  const step = steps.find((each) => most / each <= wanted) ?? steps.at(-1);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
}

export class Axes {
  constructor({ width, height, xMost, yMost, left = 52 }) {
    Object.assign(this, { width, height, left, top: 8, bottom: 24, right: 10 });
    this.yTicks = ticks(yMost);
    this.yTop = this.yTicks.at(-1);
    this.xMost = Math.max(1, xMost);
  }

  x(seconds) {
    return this.left + seconds / this.xMost * (this.width - this.left - this.right);
  }

  y(value) {
    return this.height - this.bottom - value / this.yTop * (this.height - this.top - this.bottom);
  }

  drawn(unit = "") {
    const base = this.height - this.bottom;
    const across = this.yTicks.map((value) => svg("g", {},
      svg("line", { class: "axis", x1: this.left, x2: this.width - this.right, y1: this.y(value), y2: this.y(value) }),
      svg("text", { x: this.left - 6, y: this.y(value) + 4, "text-anchor": "end" }, `${number(value)}${unit}`)));
    const up = timeTicks(this.xMost, Math.max(2, Math.floor(this.width / 90))).map((at) => svg("g", {},
      svg("line", { class: "axis", x1: this.x(at), x2: this.x(at), y1: base, y2: base + 4 }),
      svg("text", { x: this.x(at), y: base + 17, "text-anchor": "middle" }, clock(at))));
    return svg("g", { "aria-hidden": "true" }, ...across, ...up);
  }
}
