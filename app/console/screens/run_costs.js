// What a run costs, by model, and how much of its budget that is.
import { compact, percent, usd } from "../format.js";
import { Button } from "../parts/button.js";
import { useRequest } from "../parts/loading.js";
import { Failure } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { Skeleton } from "../parts/skeleton.js";
import { RUN_ENDED } from "../state.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { RaiseBudget } from "./raise_budget.js";
import { costOf } from "./run_counters.js";

const REST_MS = 3_000;

/** @param {{ run: import("../run.js").Run }} props */
export function RunCosts({ run }) {
  const { data, error, reload } = useRequest(`${run.path}/usage`);
  const [raises, setRaises] = useState(false);
  useNews(run, reload);
  const isOver = RUN_ENDED.has(run.swarm.value.status);
  const budget = run.swarm.value.budget;
  const change = html`<${Button} onClick=${() => setRaises(true)}>${budget ? "Change budget" : "Set a budget"}<//>`;
  return html`<${Panel} title="Cost by model" actions=${!isOver && change}>
    <div class="stack">
      <${BudgetMeter} run=${run} />
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : data ? html`<${Models} models=${data.models} />` : html`<${Skeleton} lines=${2} />`}
    </div>
    ${raises && html`<${RaiseBudget} run=${run} onClose=${() => setRaises(false)} />`}
  <//>`;
}

/** Ask again when the cost has changed, after a rest; and once more at the end. */
function useNews(run, reload) {
  const cost = costOf(run);
  const status = run.swarm.value.status;
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      reload();
    }, REST_MS);
  }, [cost]);
  useEffect(() => {
    if (RUN_ENDED.has(status)) reload();
  }, [status]);
  useEffect(() => () => clearTimeout(timer.current), []);
}

/** @param {{ models: any[] }} props */
function Models({ models }) {
  if (!models.length) return html`<p class="dim">No call has been answered yet.</p>`;
  const total = models.reduce((sum, model) => sum + model.cost_usd, 0);
  return html`<table class="models">
    <thead>
      <tr><th scope="col">Model</th><th scope="col" class="number">Tokens in</th><th scope="col" class="number">Tokens out</th><th scope="col" class="number">Cost</th><th scope="col" class="number">Share</th></tr>
    </thead>
    <tbody>
      ${models.map(
        (model) => html`<tr key=${model.model}>
          <th scope="row" class="model-name">${model.model ?? "not told"}</th>
          <td class="number">${compact(model.prompt_tokens)}</td>
          <td class="number">${compact(model.completion_tokens)}</td>
          <td class="number">${usd(model.cost_usd)}</td>
          <td class="number">${total ? percent(model.cost_usd / total) : "–"}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** @param {{ run: import("../run.js").Run }} props */
function BudgetMeter({ run }) {
  const { budget, tokens } = run.swarm.value;
  if (!budget?.max_cost_usd && !budget?.max_tokens) return html`<p class="dim">No budget is set: nothing but the limits of the key holds it.</p>`;
  const used = run.metrics.value?.tokens ?? tokens;
  const spent = costOf(run) + (budget.unsettled_usd ?? 0);
  const usedTokens = Math.max((used?.in ?? 0) + (used?.out ?? 0), budget.spent_tokens ?? 0);
  return html`${budget.max_cost_usd && html`<${Meter} name="Budget" part=${spent} whole=${budget.max_cost_usd} text=${`${usd(spent)} of ${usd(budget.max_cost_usd)}`} />`}
  ${budget.max_tokens && html`<${Meter} name="Token budget" part=${usedTokens} whole=${budget.max_tokens} text=${`${compact(usedTokens)} of ${compact(budget.max_tokens)} tokens`} />`}`;
}

/** @param {{ name: string, part: number, whole: number, text: string }} props */
function Meter({ name, part, whole, text }) {
  const share = Math.min(part / whole, 1);
  const kind = share >= 0.95 ? "is-full" : share >= 0.8 ? "is-near" : "";
  return html`<div class="budget">
    <div class="row spread"><span>${name}</span><span>${text} (${percent(share)})</span></div>
    <div class="meter ${kind}" role="meter" aria-label=${name} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share * 100)} aria-valuetext=${text}>
      <span style=${{ width: `${100 * share}%` }}></span>
    </div>
  </div>`;
}
