// A prediction of POST /v1/swarms/simulate, as the builder and the new-run form show it.
import { compact, count, counted, duration, usd } from "../format.js";
import { html } from "../vendor/preact.js";

const PATH_SHOWN = 6;

/** @param {{ prediction: any }} props */
export function Forecast({ prediction }) {
  const { cost_usd: cost, makespan_s: makespan, tokens, calls, parallel_agents: parallel, per_model: models } = prediction;
  const path = /** @type {string[]} */ (prediction.critical_path);
  const unknown = Object.values(models).some((model) => !(/** @type {any} */ (model).price_known));
  return html`<dl class="figures">
      <div><dt>cost${unknown && cost !== null ? ", at least" : ""}</dt><dd>${cost === null ? "unknown" : usd(cost)}</dd></div>
      <div><dt>duration</dt><dd>${duration(makespan * 1000)}</dd></div>
      <div><dt>model calls</dt><dd>${count(calls)}</dd></div>
      <div><dt>at the same time</dt><dd>${count(parallel)}</dd></div>
      <div><dt>tokens</dt><dd>${compact(tokens.in + tokens.out)}</dd></div>
    </dl>
    ${path.length > 1 && html`<p><span class="dim">The end waits for</span> ${path.slice(0, PATH_SHOWN).join(" → ")}${path.length > PATH_SHOWN ? ` → … (${counted(path.length, "task")})` : ""}</p>`}
    <details class="assumptions">
      <summary>What this rests on</summary>
      <ul>${prediction.assumptions.map((/** @type {string} */ text) => html`<li key=${text}>${text}</li>`)}</ul>
    </details>`;
}
