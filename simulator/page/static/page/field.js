/** One parameter: its label, unit, help, native input and, where it helps, a slider beside it. */

import { element } from "./element.js";
import { number } from "./words.js";

let made = 0;

export class Field {
  /** `changed` is called with a value that is allowed; `options` are what a choice is made from. */
  constructor({ path, spec, leaf, options, changed }) {
    this.path = path.join(".");
    this.spec = spec;
    this.leaf = leaf;
    this.changed = changed;
    this.id = `field-${(made += 1)}`;
    this.input = this.#input(options);
    this.slider = spec.range && this.#slider();
    this.wrong = element("p", { class: "wrong", id: `${this.id}-wrong` });
    this.element = this.#element();
    this.input.addEventListener(this.input.tagName === "INPUT" ? "input" : "change", () => this.#told(this.input));
    this.slider?.addEventListener("input", () => this.#told(this.slider));
  }

  show(value) {
    if (this.leaf.type === "boolean") this.input.checked = value;
    else this.input.value = value ?? "";
    if (this.slider) this.#place(value);
    this.complain("");
  }

  complain(words) {
    this.wrong.textContent = words;
    for (const each of [this.input, this.slider]) {
      if (words) each?.setAttribute("aria-invalid", "true");
      else each?.removeAttribute("aria-invalid");
    }
  }

  #told(control) {
    if (control === this.slider) this.input.value = Math.max(this.leaf.minimum ?? -Infinity, Number(control.value));
    const complaint = this.#complaint();
    this.complain(complaint);
    if (this.slider && !complaint) this.#place(this.input.value);
    if (!complaint) this.changed(this.#value());
  }

  /** Without a complaint. */
  #value() {
    if (this.leaf.type === "boolean") return this.input.checked;
    if (!this.#isNumber()) return this.input.value;
    return this.input.value === "" ? null : Number(this.input.value);
  }

  #complaint() {
    if (!this.#isNumber()) return "";
    const { value } = this.input, { minimum, maximum, above, type } = this.leaf;
    if (value === "") return this.spec.optional && !this.input.validity.badInput ? "" : `A number is needed: ${this.#allowed()}.`;
    const given = Number(value);
    const low = above ? given <= minimum : given < minimum;
    if (low || given > maximum) return `It must be ${this.#allowed()}.`;
    return type === "integer" && !Number.isInteger(given) ? "It must be a whole number." : "";
  }

  #allowed() {
    const { minimum, maximum, above } = this.leaf;
    if (minimum === undefined) return "any";
    const from = above ? `above ${number(minimum)}` : `from ${number(minimum)}`;
    return maximum === undefined ? from : `${from} to ${number(maximum)}`;
  }

  #isNumber() {
    return this.leaf.type === "number" || this.leaf.type === "integer";
  }

  #place(value) {
    this.slider.value = value;
    this.slider.setAttribute("aria-valuetext", `${value}${this.spec.unit && ` ${this.spec.unit}`}`);
  }

  #input(options) {
    const common = { id: this.id, "data-path": this.path, "aria-describedby": `${this.id}-help ${this.id}-wrong` };
    if (this.leaf.type === "boolean") return element("input", { ...common, type: "checkbox" });
    if (options) {
      const choices = options.map((value) => element("option", { value }, this.spec.words[value] ?? value));
      return element("select", common, ...choices);
    }
    if (!this.#isNumber()) return element("input", { ...common, type: "text", autocomplete: "off", spellcheck: "false" });
    const { minimum, maximum, type } = this.leaf;
    return element("input", { ...common, type: "number", min: minimum, max: maximum, step: type === "integer" ? 1 : "any" });
  }

  #slider() {
    const [min, max, step] = this.spec.range;
    return element("input", { type: "range", min, max, step, "aria-label": `${this.spec.label}, slider` });
  }

  #element() {
    const unit = this.spec.unit ? [" ", element("span", { class: "unit" }, this.spec.unit)] : [];
    const label = element("label", { for: this.id }, this.spec.label, ...unit);
    const help = element("p", { class: "help", id: `${this.id}-help`, hidden: !this.spec.help }, this.spec.help);
    const line = element("div", { class: "line" }, label, this.input);
    return element("div", { class: "field" }, line, ...(this.slider ? [this.slider] : []), help, this.wrong);
  }
}
