// The overview of a run: its agents as a heat-map, how long they take, what they cost, what goes wrong.
import { Panel } from "../parts/panel.js";
import { html } from "../vendor/preact.js";
import { RunAgents } from "./run_agents.js";
import { RunCosts } from "./run_costs.js";
import { RunErrors } from "./run_errors.js";
import { CompletedChart, LatencyChart } from "./run_charts.js";

/** @param {{ run: import("../run.js").Run }} props */
export default function RunOverview({ run }) {
  return html`<div class="overview">
    <${RunAgents} run=${run} />
    <${Panel} title="Latency distribution" class="overview-side">
      <${LatencyChart} run=${run} />
      <${CompletedChart} run=${run} />
    <//>
    <${RunCosts} run=${run} />
    <${RunErrors} run=${run} />
  </div>`;
}
