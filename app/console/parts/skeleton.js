import { html } from "../vendor/preact.js";

const WIDTHS = ["72%", "94%", "58%", "83%", "66%", "90%"];

/** What is shown while the first answer is awaited. @param {{ lines?: number, label?: string }} props */
export const Skeleton = ({ lines = 5, label = "Loading" }) =>
  html`<div class="skeleton" role="status" aria-label=${label}>
    ${Array.from({ length: lines }, (_, at) => html`<span style=${{ width: WIDTHS[at % WIDTHS.length] }}></span>`)}
  </div>`;
