import { html } from "../vendor/preact.js";

/**
 * A button, or a link that looks like one where `href` is given.
 * @param {{ kind?: "primary" | "danger" | "plain" | "", icon?: boolean, busy?: boolean, href?: string,
 *   class?: string, children?: any, [name: string]: any }} props
 *   icon: only a sign, so give an `aria-label`; busy: what it does is under way, and it cannot be asked again
 */
export function Button({ kind = "", icon = false, busy = false, href, children, class: more = "", ...rest }) {
  const names = `button ${kind ? `is-${kind}` : ""} ${icon ? "is-icon" : ""} ${more}`;
  if (href) return html`<a class=${names} href=${href} ...${rest}>${children}</a>`;
  return html`<button type="button" class=${names} aria-busy=${busy} ...${rest} disabled=${busy || rest.disabled}>${children}</button>`;
}
