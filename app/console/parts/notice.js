import { html } from "../vendor/preact.js";

/**
 * A line across the screen that says how things stand, and what can be done.
 * @param {{ kind?: "" | "warning" | "danger" | "good", actions?: any, role?: string, children?: any }} props
 */
export const Notice = ({ kind = "", actions, role, children }) =>
  html`<div class="notice ${kind ? `is-${kind}` : ""}" role=${role}><div class="notice-text">${children}</div>${actions}</div>`;

/**
 * What went wrong and, with `retry`, a button to try again.
 * @param {{ error: any, retry?: () => void }} props error: an ApiError, with its wrong fields listed
 */
export function Failure({ error, retry }) {
  const errors = error.errors ?? [];
  const again = retry && html`<button type="button" class="button" onClick=${retry}>Try again</button>`;
  return html`<${Notice} kind="danger" role="alert" actions=${again}>
    ${error.message}
    ${errors.length > 1 && html`<ul>${errors.slice(0, 8).map((one) => html`<li><code>${one.pointer}</code> ${one.detail}</li>`)}</ul>`}
  <//>`;
}
