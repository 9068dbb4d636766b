import { runStateOf } from "../state.js";
import { html } from "../vendor/preact.js";

/** A short word in a rounded line. @param {{ kind?: string, title?: string, children?: any }} props kind: a class such as `is-failed` */
export const Chip = ({ kind = "", title, children }) => html`<span class="chip ${kind}" title=${title}>${children}</span>`;

/** The state of a run. @param {{ status: string }} props */
export function RunChip({ status }) {
  const { label, glyph, cssClass } = runStateOf(status);
  return html`<${Chip} kind=${cssClass}>${glyph && html`<span aria-hidden="true">${glyph}</span>`}${label}<//>`;
}
