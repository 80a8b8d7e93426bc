/** What the planner says: it takes the server some seconds, so it is asked for. */

import { element } from "./element.js";
import { adviceOn } from "./server.js";

export class Advice {
  #asking = null;

  /** `scenario` tells what is to be advised on. */
  constructor(find, scenario) {
    this.find = find;
    find("ask").addEventListener("click", () => this.#ask(scenario()));
  }

  /** The scenario has changed: what is said is about another one, and what is being computed is not wanted any more. */
  changed() {
    this.#asking?.abort();
    this.#asking = null;
    if (this.find("advice").children.length) this.#say("This was said of the scenario before the change. Ask again.");
    else this.#say("");
  }

  async #ask(scenario) {
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#say("The planner computes …");
    try {
      for await (const news of adviceOn(scenario, signal)) this.#heard(news);
    } catch (error) {
      if (!signal.aborted) this.#say(error.message);
    }
  }

  #heard({ doing, verdict, page, error }) {
    if (doing) this.#say(`The planner computes: ${doing} …`);
    if (error) this.#say(error);
    if (!verdict) return;
    const whole = element("pre", { class: "wide", role: "region", tabindex: "0", "aria-label": "The whole plan" }, page);
    this.find("advice").replaceChildren(whole);
    this.#say(verdict);
  }

  #say(sentence) {
    this.find("advising").textContent = sentence;
  }
}
