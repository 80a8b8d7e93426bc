/** The bottleneck at one moment, drawn: who comes, the lanes, the slots, who leaves too late. */

import { What } from "../engine/journal.js";
import { count } from "./words.js";

const LANES = ["high", "normal", "low"];
const DOTS = 240; // at most, in one lane
const CELLS = 200; // at most, of slots
const DOT = 4;

export class Scene {
  #colours = new Map();

  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  /** `lanes`: the priorities in use; `capacity` of one lane; `recent`: see Playback. */
  draw({ state, lanes, slots, capacity, recent }) {
    this.#prepare();
    const { width, height } = this, area = { left: width * 0.16, right: width * 0.68, top: 34, bottom: height - 30 };
    this.#words(area, state, slots);
    const rows = lanes.map((lane, index) => {
      const tall = (area.bottom - area.top) / lanes.length;
      return { lane, top: area.top + index * tall, bottom: area.top + (index + 1) * tall - 8 };
    });
    for (const row of rows) this.#lane(area, row, state.waiting[row.lane], capacity, lanes.length > 1);
    this.#slots({ left: width * 0.74, right: width * 0.9, top: area.top, bottom: area.bottom - 8 }, state.busy, slots);
    for (const event of recent) this.#moving(area, rows.find(({ lane }) => lane === event.lane) ?? rows[0], event);
  }

  #prepare() {
    const { canvas, pen } = this, ratio = devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = "13px system-ui, sans-serif";
    this.ink = getComputedStyle(canvas).color;
  }

  /** Of the page's palette, as a canvas takes it: resolved. */
  colour(name) {
    if (!this.#colours.has(name)) {
      this.canvas.style.outlineColor = `var(--${name})`;
      this.#colours.set(name, getComputedStyle(this.canvas).outlineColor);
    }
    return this.#colours.get(name);
  }

  /** The palette is another one now. */
  recolour() {
    this.#colours.clear();
  }

  #words(area, state, slots) {
    const { pen, width } = this;
    pen.fillStyle = this.ink;
    pen.textAlign = "left";
    pen.fillText("arrivals", 0, 16);
    pen.fillText(`waiting: ${count(state.waiting.reduce((sum, each) => sum + each, 0))}`, area.left, 16);
    pen.fillText(`slots: ${count(state.busy)} of ${count(slots)}`, width * 0.74, 16);
    pen.fillText(`rejected ${count(state.rejected)}`, 0, this.height - 8);
    pen.fillText(`left, too late ${count(state.left)}`, area.left, this.height - 8);
    pen.textAlign = "right";
    pen.fillText(`done ${count(state.freed)}`, width, this.height - 8);
  }

  /** The head of a lane is at the right, by the slots. A dot is one call, or as many as are said. */
  #lane(area, { lane, top, bottom }, waiting, capacity, named) {
    const { pen } = this, tall = bottom - top, wide = area.right - area.left;
    pen.strokeStyle = this.ink;
    pen.globalAlpha = 0.4;
    pen.strokeRect(area.left, top, wide, tall);
    pen.globalAlpha = 0.12;
    pen.fillStyle = this.colour("async");
    const full = Math.min(1, waiting / capacity) * wide;
    pen.fillRect(area.right - full, top, full, tall);
    pen.globalAlpha = 1;
    const perRow = Math.max(1, Math.floor(tall / 10)), columns = Math.floor((wide - 8) / 10);
    const room = Math.min(DOTS, perRow * columns), each = Math.max(1, Math.ceil(waiting / room));
    pen.fillStyle = this.colour("async");
    for (let index = 0; index < Math.min(room, Math.ceil(waiting / each)); index += 1) {
      this.#dot(area.right - 9 - 10 * Math.floor(index / perRow), top + 7 + 10 * (index % perRow));
    }
    pen.fillStyle = this.ink;
    pen.textAlign = "left";
    const said = [named ? LANES[lane] : "", each > 1 ? `a dot is ${count(each)}` : ""].filter(Boolean).join(", ");
    pen.fillText(said, area.left + 6, bottom - 5);
  }

  #slots(area, busy, slots) {
    const { pen } = this, cells = Math.min(CELLS, slots), wide = area.right - area.left, tall = area.bottom - area.top;
    const across = Math.max(1, Math.ceil(Math.sqrt(cells * wide / tall))), down = Math.ceil(cells / across);
    const side = Math.max(2, Math.min(wide / across, tall / down, 26));
    const filled = Math.round(busy / slots * cells);
    for (let index = 0; index < cells; index += 1) {
      const x = area.left + side * Math.floor(index / down), y = area.top + side * (index % down);
      pen.fillStyle = index < filled ? this.colour("served") : "transparent";
      pen.strokeStyle = index < filled ? this.colour("served") : this.ink;
      pen.globalAlpha = index < filled ? 1 : 0.4;
      pen.fillRect(x, y, side - 2, side - 2);
      pen.strokeRect(x + 0.5, y + 0.5, side - 3, side - 3);
    }
    pen.globalAlpha = 1;
  }

  /** An event while it is young: coming in, turned away, started, done, or falling out too late. */
  #moving(area, row, { what, age, index }) {
    const { pen, width, height } = this, middle = (row.top + row.bottom) / 2, spread = (index * 7919) % 17 - 8;
    const at = (from, to) => from + (to - from) * age;
    pen.globalAlpha = 1 - age * 0.7;
    if (what === What.BOOKED) this.#coloured("accepted", at(0, area.left), middle + spread);
    if (what === What.REJECTED) this.#cross(at(area.left * 0.6, area.left * 0.2), at(middle, height - 24) + spread);
    if (what === What.STARTED) this.#coloured("served", at(area.right, width * 0.74), middle + spread);
    if (what === What.FREED) this.#coloured("served", at(width * 0.9, width), middle + spread);
    if (what === What.LEFT) this.#ring(at(area.right, area.right - 24) + spread, at(row.bottom, height - 22));
    pen.globalAlpha = 1;
  }

  #coloured(name, x, y) {
    this.pen.fillStyle = this.colour(name);
    this.#dot(x, y);
  }

  #dot(x, y) {
    this.pen.beginPath();
    this.pen.arc(x, y, DOT, 0, 2 * Math.PI);
    this.pen.fill();
  }

  #ring(x, y) {
    const { pen } = this;
    pen.strokeStyle = this.colour("expired");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, DOT, 0, 2 * Math.PI);
    pen.stroke();
    pen.lineWidth = 1;
  }

  #cross(x, y) {
    const { pen } = this;
    pen.strokeStyle = this.colour("rejected");
    pen.lineWidth = 2;
    pen.beginPath();
    for (const side of [-1, 1]) {
      pen.moveTo(x - DOT, y - side * DOT);
      pen.lineTo(x + DOT, y + side * DOT);
    }
    pen.stroke();
    pen.lineWidth = 1;
  }
}
