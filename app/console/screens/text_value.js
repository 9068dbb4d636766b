import { alert, done } from "../parts/toast.js";
import { html, useState } from "../vendor/preact.js";

const SHOWN_CHARS = 4_000;

/** A value as text: as it is, or as indented JSON. @param {any} value */
export const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/**
 * A text or JSON value to read and to copy; of a long one its beginning, until all of it is asked for.
 * @param {{ value: any, name: string, limit?: number }} props name: what it is, for the names of its buttons
 */
export function Text({ value, name, limit = SHOWN_CHARS }) {
  const [whole, setWhole] = useState(false);
  const text = textOf(value);
  const isCut = !whole && text.length > limit;
  const copy = () => navigator.clipboard.writeText(text).then(() => done("Copied"), () => alert("The browser does not let the console copy; select the text instead"));
  return html`<div class="text-value">
    <pre role="group" tabindex="0" aria-label=${name}>${isCut ? `${text.slice(0, limit)}…` : text}</pre>
    <div class="row">
      ${isCut && html`<button type="button" class="link" onClick=${() => setWhole(true)}>Show all ${text.length.toLocaleString("en")} characters</button>`}
      ${navigator.clipboard && html`<button type="button" class="link" aria-label=${`Copy ${name}`} onClick=${copy}>Copy</button>`}
    </div>
  </div>`;
}
