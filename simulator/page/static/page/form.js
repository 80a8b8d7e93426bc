/** The scenario as a form: every parameter, grouped; lists grow and shrink. */

import { element } from "./element.js";
import { Field } from "./field.js";
import { FRESH, GROUPS } from "./fields.js";
import { leafOf } from "./schema.js";

export class Form {
  #fields = [];

  /** `changed` is called with the whole scenario after each change that is allowed. */
  constructor(root, known, changed) {
    this.root = root;
    this.known = known;
    this.changed = changed;
  }

  show(scenario) {
    this.scenario = structuredClone(scenario);
    this.#fields = [];
    this.root.replaceChildren(...GROUPS.map((group) => this.#group(group)));
  }

  /** What the server finds wrong, at the parameter it is about; false where there is none. */
  complain(key, words) {
    const about = this.#fields.find((field) => field.path === key);
    about?.complain(words);
    return Boolean(about);
  }

  get complaints() {
    return this.#fields.filter((field) => field.wrong.textContent);
  }

  clear() {
    for (const field of this.complaints) field.complain("");
  }

  #group(group) {
    const help = group.help ? [element("p", { class: "help" }, group.help)] : [];
    const inner = group.each ? this.#list(group) : this.#fieldsOf(group, group.path);
    return element("fieldset", {}, element("legend", {}, group.title), ...help, ...inner);
  }

  #list(group) {
    const elements = at(this.scenario, group.path);
    const word = group.each.toLowerCase();
    const boxes = elements.map((_, index) => {
      const title = `${group.each} ${index + 1}`;
      const remove = button(`Remove ${word} ${index + 1}`, () => this.#change(group.path, elements.toSpliced(index, 1)));
      const inner = this.#fieldsOf(group, [...group.path, index]);
      return element("fieldset", {}, element("legend", {}, title), ...inner, remove);
    });
    const fresh = () => FRESH[group.path.join(".")](this.scenario, this.known);
    const add = button(`Add a ${word}`, () => this.#change(group.path, [...elements, fresh()]));
    return [...boxes, add];
  }

  /** A list of another length: the form is made anew, and the focus stays within the group. */
  #change(path, elements) {
    put(this.scenario, path, elements);
    this.show(this.scenario);
    const group = GROUPS.findIndex((each) => each.path.join() === path.join());
    [...this.root.children[group].querySelectorAll("button")].at(-1).focus();
    this.changed(this.scenario);
  }

  #fieldsOf(group, prefix) {
    return group.fields.map((spec) => this.#field(spec, [...prefix, ...spec.path]).element);
  }

  #field(spec, path) {
    const leaf = leafOf(this.known.schema, path);
    const changed = (value) => {
      put(this.scenario, path, value);
      this.changed(this.scenario);
    };
    const field = new Field({ path, spec, leaf, options: leaf.enum ?? this.#choices(path), changed });
    field.show(at(this.scenario, path));
    this.#fields.push(field);
    return field;
  }

  /** Of what the catalog offers. */
  #choices(path) {
    if (path.at(-1) === "operation") return Object.keys(this.known.operations);
    return path[0] === "services" && path.at(-1) === "name" ? Object.keys(this.known.services) : null;
  }
}

const at = (scenario, path) => path.reduce((table, part) => table[part], scenario);

function put(scenario, path, value) {
  at(scenario, path.slice(0, -1))[path.at(-1)] = value;
}

function button(text, pressed) {
  const made = element("button", { type: "button" }, text);
  made.addEventListener("click", pressed);
  return made;
}
