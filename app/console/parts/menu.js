import { html, useEffect, useRef, useState } from "../vendor/preact.js";

/**
 * A button that opens a list of things to do: arrows move in it, Escape and a click elsewhere close it.
 * @param {{ title: any, label?: string, items: { title: any, onSelect: () => void }[], kind?: string }} props
 *   label: its name, where the title is only a sign
 */
export function Menu({ title, label, items, kind = "" }) {
  const [isOpen, setOpen] = useState(false);
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const ref = useRef(null);
  const entries = () => [.../** @type {NodeListOf<HTMLElement>} */ (ref.current.querySelectorAll("[role=menuitem]"))];
  const close = () => {
    setOpen(false);
    ref.current.querySelector("button")?.focus();
  };

  useEffect(() => {
    if (!isOpen) return undefined;
    entries()[0]?.focus();
    const away = (/** @type {Event} */ event) => {
      if (!ref.current.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [isOpen]);

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!isOpen) return;
    const all = entries();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (event.key === "Tab") setOpen(false);
    else if (to !== undefined) all[to].focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  };

  return html`<div class="menu" ref=${ref} onKeyDown=${onKeyDown}>
    <button type="button" class="button ${kind}" aria-haspopup="menu" aria-expanded=${isOpen} aria-label=${label} onClick=${() => setOpen(!isOpen)}>
      ${title}
    </button>
    ${isOpen &&
    html`<div role="menu">
      ${items.map(
        (item) =>
          html`<button
            type="button"
            role="menuitem"
            tabindex="-1"
            onClick=${() => {
              close();
              item.onSelect();
            }}
          >
            ${item.title}
          </button>`,
      )}
    </div>`}
  </div>`;
}
