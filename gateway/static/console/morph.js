/** Makes one element like another while keeping all that is the same, so that focus, selection and scrolling stay. */

export function morph(old, now) {
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName) {
    leave(old, now.cloneNode(true));
  } else if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
  } else {
    attributes(old, now);
    children(old, now);
  }
}

function attributes(old, now) {
  for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

/** What has an id is the same wherever it stands now; all else is by its place. */
function children(old, now) {
  const kept = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let at = old.firstChild;
  for (const wanted of now.childNodes) {
    const known = wanted.id && kept.get(wanted.id);
    if (known && known !== at) old.insertBefore(known, at);
    if (known) {
      morph(known, wanted);
      at = known.nextSibling;
    } else if (wanted.id || !at || at.id) {
      old.insertBefore(document.importNode(wanted, true), at);
    } else {
      const next = at.nextSibling;
      morph(at, wanted);
      at = next;
    }
  }
  while (at) {
    const next = at.nextSibling;
    leave(at, null);
    at = next;
  }
}

/** What has the focus is not taken away from under it: it goes when the focus has gone elsewhere. */
function leave(old, now) {
  const go = () => (now ? old.replaceWith(now) : old.remove());
  if (!old.contains?.(document.activeElement)) go();
  else old.addEventListener("focusout", () => setTimeout(go), { once: true });
}
