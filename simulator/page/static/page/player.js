/** The queue in simulated time: played, paused, stepped, scrubbed. It never starts by itself. */

import { What } from "../engine/journal.js";
import { PRIORITIES } from "../engine/plan.js";
import { Playback } from "./playback.js";
import { Scene } from "./scene.js";
import { clock, count } from "./words.js";

const MOVES_SECONDS = 0.6; // of the viewer's, that an event is seen moving for
const MOST_MOVING = 80;
const HAPPENED = {
  [What.REJECTED]: "a request is rejected",
  [What.BOOKED]: "a call is accepted and takes a place",
  [What.STARTED]: "a call is started",
  [What.FREED]: "a slot is free again",
  [What.LEFT]: "a call leaves without having been started",
};

export class Player {
  #playbacks = new Map();
  #asked = 0;

  constructor(find) {
    this.find = find;
    this.scene = new Scene(find("queue"));
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.still.addEventListener("change", () => this.#heedMotion());
    this.#heedMotion();
    find("play").addEventListener("click", () => (this.playing ? this.pause() : this.#play()));
    find("step-event").addEventListener("click", () => this.#stepped(this.playback?.step()));
    find("step-second").addEventListener("click", () => this.#move(1));
    find("step-back").addEventListener("click", () => this.#move(-1));
    find("at").addEventListener("input", () => this.#scrub());
    find("of-pattern").addEventListener("change", () => this.#draw());
    for (const look of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(look).addEventListener("change", () => this.#recolour());
    }
    new ResizeObserver(() => this.#draw()).observe(find("queue"));
  }

  /** The run of one pattern; time stays where it is, within the run. */
  show(pattern, log, { scenario, plan, seconds, scale }) {
    const at = this.#playbacks.get(pattern)?.at ?? Math.min(seconds, firstOf(scenario));
    const playback = new Playback(log, seconds);
    playback.seek(at);
    this.#playbacks.set(pattern, playback);
    const service = plan.services[plan.bottleneck];
    this.lanes = PRIORITIES.flatMap((name, lane) => (scenario.traffic.mix.some((part) => part.priority === name) ? [lane] : []));
    this.slots = Math.max(1, Math.round(service.max_concurrency * scale));
    this.capacity = service.capacity * scale;
    this.find("at").max = Math.max(...[...this.#playbacks.values()].map((each) => each.seconds));
    this.#draw();
  }

  get playback() {
    return this.#playbacks.get(this.find("of-pattern").value);
  }

  get playing() {
    return this.#asked !== 0;
  }

  pause() {
    cancelAnimationFrame(this.#asked);
    this.#asked = 0;
    this.find("play").textContent = "Play";
    this.#draw();
  }

  #play() {
    if (!this.playback || this.still.matches) return;
    if (this.playback.at >= this.playback.seconds) this.#seek(0);
    this.find("play").textContent = "Pause";
    let before = performance.now();
    const frame = (now) => {
      this.#seek(this.playback.at + (now - before) / 1000 * this.#speed);
      before = now;
      if (this.playback.at >= this.playback.seconds) this.pause();
      else this.#asked = requestAnimationFrame(frame);
    };
    this.#asked = requestAnimationFrame(frame);
  }

  get #speed() {
    return Number(this.find("speed").value);
  }

  #seek(at) {
    for (const playback of this.#playbacks.values()) playback.seek(at);
    this.#draw();
  }

  #move(seconds) {
    if (this.playing) this.pause();
    this.#seek((this.playback?.at ?? 0) + seconds);
    this.find("stepped").textContent = this.find("moment").textContent;
  }

  #stepped(event) {
    if (this.playing) this.pause();
    this.#seek(this.playback?.at ?? 0);
    const happened = event ? HAPPENED[event.what] : "Nothing happens any more";
    this.find("moment").textContent = `${this.#moment()} Just now ${happened}.`;
    this.find("stepped").textContent = this.find("moment").textContent;
  }

  #scrub() {
    if (this.playing) this.pause();
    this.#seek(Number(this.find("at").value));
  }

  #draw() {
    const { playback } = this;
    if (!playback) return;
    const recent = playback.recent(MOVES_SECONDS * this.#speed, MOST_MOVING);
    this.scene.draw({ state: playback.state, lanes: this.lanes, slots: this.slots, capacity: this.capacity, recent });
    const slider = this.find("at");
    slider.value = playback.at;
    slider.setAttribute("aria-valuetext", clock(playback.at, 1));
    this.find("moment").textContent = this.#moment();
  }

  #moment() {
    const { at, state } = this.playback, waiting = state.waiting.reduce((sum, each) => sum + each, 0);
    return `At ${clock(at, 2)}: ${count(waiting)} waiting, ${count(state.busy)} of ${count(this.slots)} slots busy; `
      + `so far ${count(state.freed)} calls done, ${count(state.rejected)} requests rejected, ${count(state.left)} calls left unstarted.`;
  }

  #recolour() {
    this.scene.recolour();
    this.#draw();
  }

  #heedMotion() {
    if (this.still.matches && this.playing) this.pause();
    this.find("play").hidden = this.still.matches;
    this.find("still").hidden = !this.still.matches;
  }
}

/** Where there is something to see: the start of the first spike. */
const firstOf = (scenario) => (scenario.traffic.spikes.length ? Math.min(...scenario.traffic.spikes.map((each) => each.at_seconds)) : 0);
