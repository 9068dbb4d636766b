// Messages about what was just done, in the corner. What failed stays until it is closed and is read out at once.
import { html, signal } from "../vendor/preact.js";
import { say } from "./live.js";

const SHOWN_MS = 6_000;
const MOST = 4;

/** @type {import("../vendor/preact.js").Signal<{ id: number, kind: "good" | "danger", text: string }[]>} */
const toasts = signal([]);
let number = 0;

/** @param {"good" | "danger"} kind @param {string} text */
function show(kind, text) {
  const id = ++number;
  toasts.value = [...toasts.peek().slice(1 - MOST), { id, kind, text }];
  if (kind === "good") setTimeout(() => drop(id), SHOWN_MS);
}

/** @param {number} id */
function drop(id) {
  toasts.value = toasts.peek().filter((toast) => toast.id !== id);
}

/** Say that something was done. @param {string} text */
export function done(text) {
  show("good", text);
  say(text);
}

/** Say that something failed. @param {unknown} error an ApiError, any other error, or a text */
export function alert(error) {
  show("danger", error instanceof Error ? error.message : String(error));
}

/** All messages; once, in the shell. */
export const Toasts = () =>
  html`<div class="toasts">
    ${toasts.value.map(
      ({ id, kind, text }) =>
        html`<div key=${id} class="notice is-${kind}" role=${kind === "danger" ? "alert" : undefined}>
          <div class="notice-text">${text}</div>
          <button type="button" class="button is-plain is-icon" aria-label="Close the message" onClick=${() => drop(id)}>✕</button>
        </div>`,
    )}
  </div>`;
