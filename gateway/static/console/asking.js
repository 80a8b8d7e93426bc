/** Asks before something is done that can do harm: the server's own question, in a dialog. */
export class Asking {
  #dialog;

  constructor(dialog) {
    this.#dialog = dialog;
    dialog.addEventListener("click", (event) => {
      if (!event.target.closest("[data-close]")) return;
      event.preventDefault();
      this.close();
    });
  }

  ask(question) {
    this.#dialog.replaceChildren(...document.importNode(question, true).childNodes);
    this.#dialog.setAttribute("aria-labelledby", "ask-title");
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }
}
