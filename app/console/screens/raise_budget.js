import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { done } from "../parts/toast.js";
import { count, usd } from "../format.js";
import { html, useState } from "../vendor/preact.js";
import { costOf } from "./run_counters.js";

/**
 * Asks for a higher budget; with it a run that its budget paused goes on.
 * @param {{ run: import("../run.js").Run, onClose: () => void }} props
 */
export function RaiseBudget({ run, onClose }) {
  const { budget } = run.swarm.value;
  const [cost, setCost] = useState(budget?.max_cost_usd ? String(2 * budget.max_cost_usd) : "");
  const [tokens, setTokens] = useState(budget?.max_tokens ? String(2 * budget.max_tokens) : "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));

  const raise = async (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {Record<string, number>} */
    const wanted = {};
    if (cost !== "") wanted.max_cost_usd = Number(cost);
    if (tokens !== "") wanted.max_tokens = Number(tokens);
    setBusy(true);
    try {
      await run.patch({ budget: wanted });
      done("The budget was changed");
      onClose();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const wrong = (/** @type {string} */ name) => error?.errors?.find((/** @type {any} */ one) => one.pointer.endsWith(name))?.detail;
  const other = error && !wrong("max_cost_usd") && !wrong("max_tokens") ? error.message : null;
  return html`<${Dialog} title="Budget of the run" onClose=${onClose}>
    <form class="stack" onSubmit=${raise}>
      <p class="dim">So far ${usd(costOf(run))} and ${count(budget?.spent_tokens ?? 0)} tokens. A call is made only if its worst case still fits.</p>
      <${Field} label="At most, in dollars" wrong=${wrong("max_cost_usd") ?? null}>
        ${(/** @type {any} */ props) =>
          html`<input ...${props} type="number" min="0" step="any" inputmode="decimal" value=${cost} onInput=${(/** @type {any} */ event) => setCost(event.currentTarget.value)} />`}
      <//>
      <${Field} label="At most, in tokens" hint="in and out, the whole run" wrong=${wrong("max_tokens") ?? null}>
        ${(/** @type {any} */ props) =>
          html`<input ...${props} type="number" min="1" step="1" value=${tokens} onInput=${(/** @type {any} */ event) => setTokens(event.currentTarget.value)} />`}
      <//>
      ${other && html`<p class="wrong" role="alert">${other}</p>`}
      <div class="row">
        <${Button} kind="primary" type="submit" busy=${busy} disabled=${cost === "" && tokens === ""}>Set the budget<//>
        <${Button} onClick=${onClose}>Leave it<//>
      </div>
    </form>
  <//>`;
}
