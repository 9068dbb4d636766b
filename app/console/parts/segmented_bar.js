import { count } from "../format.js";
import { html } from "../vendor/preact.js";

const SHOWN = /** @type {const} */ (["completed", "failed", "running", "retrying", "cancelled", "skipped"]);

/**
 * How far a run is, a segment a state; what has not begun is the empty rest.
 * @param {{ counts: Record<string, number> }} props as `counts` of a run
 */
export function SegmentedBar({ counts }) {
  const parts = SHOWN.filter((name) => counts[name] > 0);
  const rest = counts.total - parts.reduce((sum, name) => sum + counts[name], 0);
  const label = `${count(counts.completed)} of ${count(counts.total)} completed${parts
    .filter((name) => name !== "completed")
    .map((name) => `, ${count(counts[name])} ${name}`)
    .join("")}`;
  return html`<div class="segments" role="img" aria-label=${label} title=${label}>
    ${parts.map((name) => html`<span key=${name} class="is-${name}" style=${{ flexGrow: counts[name] }}></span>`)}
    ${rest > 0 && html`<span style=${{ flexGrow: rest }}></span>`}
  </div>`;
}
