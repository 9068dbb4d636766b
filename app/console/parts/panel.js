import { html, useEffect, useId, useRef, useState } from "../vendor/preact.js";

/**
 * A box with a heading.
 * @param {{ title: any, actions?: any, flush?: boolean, class?: string, children?: any }} props
 *   actions: beside the heading; flush: what is in it (a table) reaches the sides, and scrolls where it is too wide
 */
export function Panel({ title, actions, flush = false, class: more = "", children }) {
  const id = useId();
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const ref = useRef(null);
  const scrolls = useOverflow(ref, flush);
  return html`<section class="panel ${more}" aria-labelledby=${id}>
    <div class="panel-head"><h2 id=${id}>${title}</h2>${actions}</div>
    <div class="panel-body ${flush ? "is-flush" : ""}" ref=${ref} tabindex=${scrolls ? 0 : undefined}>${children}</div>
  </section>`;
}

/**
 * Whether a box is wider inside than outside: then the keyboard must reach it to scroll it.
 * @param {import("../vendor/preact.js").Ref<HTMLDivElement>} ref @param {boolean} isAsked
 */
function useOverflow(ref, isAsked) {
  const [overflows, setOverflows] = useState(false);
  useEffect(() => {
    if (!isAsked) return undefined;
    const box = ref.current;
    const observer = new ResizeObserver(() => setOverflows(box.scrollWidth > box.clientWidth));
    observer.observe(box);
    for (const child of box.children) observer.observe(child);
    return () => observer.disconnect();
  });
  return overflows;
}
