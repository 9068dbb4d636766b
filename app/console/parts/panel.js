import { html, useId } from "../vendor/preact.js";

/**
 * A box with a heading.
 * @param {{ title: any, actions?: any, flush?: boolean, class?: string, children?: any }} props
 *   actions: beside the heading; flush: what is in it (a table) reaches the sides
 */
export function Panel({ title, actions, flush = false, class: more = "", children }) {
  const id = useId();
  return html`<section class="panel ${more}" aria-labelledby=${id}>
    <div class="panel-head"><h2 id=${id}>${title}</h2>${actions}</div>
    <div class="panel-body ${flush ? "is-flush" : ""}">${children}</div>
  </section>`;
}
