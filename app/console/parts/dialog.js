import { html, useEffect, useId, useRef } from "../vendor/preact.js";

/**
 * A modal dialog: the browser's own, so focus stays in it, Escape closes it and goes back where it was.
 * @param {{ title: any, onClose: () => void, actions?: any, children?: any, class?: string }} props
 *   actions: the buttons at its foot
 */
export function Dialog({ title, onClose, actions, children, class: more = "" }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDialogElement>} */
  const ref = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault(); // whether it is shown is told by who renders it
    onClose();
  };
  return html`<dialog ref=${ref} class=${more} aria-labelledby=${id} onCancel=${onCancel}>
    <div class="dialog-head">
      <h2 id=${id}>${title}</h2>
      <button type="button" class="button is-plain is-icon" aria-label="Close" onClick=${onClose}>✕</button>
    </div>
    <div class="dialog-body">${children}</div>
    ${actions && html`<div class="dialog-foot">${actions}</div>`}
  </dialog>`;
}
