// The overview of a run: its agents as a heat-map, how long they take, its graph, what it costs and what goes wrong.
import { Panel } from "../parts/panel.js";
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { RunAgents } from "./run_agents.js";
import { CompletedChart, LatencyChart } from "./run_charts.js";
import { RunCosts } from "./run_costs.js";
import { RunErrors } from "./run_errors.js";

/** Of larger runs the graph is to be asked for: it has a tab of its own. */
const MOST_IN_GRAPH = 2_000;

/** @type {any} the module of the graph, once it has come */
let Graph = null;

/** @param {{ run: import("../run.js").Run, query: Record<string, string> }} props */
export default function RunOverview({ run, query }) {
  return html`<div class="overview">
    <${RunAgents} run=${run} />
    <${Panel} title="Latency distribution" class="overview-side">
      <${LatencyChart} run=${run} />
      <${CompletedChart} run=${run} />
    <//>
    <${RunCosts} run=${run} />
    <${RunErrors} run=${run} />
    <${OverviewGraph} run=${run} query=${query} />
  </div>`;
}

/** The graph, where there is one to speak of. @param {{ run: import("../run.js").Run, query: Record<string, string> }} props */
function OverviewGraph({ run, query }) {
  const shape = run.shapeVersion.value;
  const isGraph = useMemo(
    () => run.tasks.size <= MOST_IN_GRAPH && [...run.tasks.values()].some((row) => row.depends_on.length > 0),
    [run, shape],
  );
  const [, setCame] = useState(Graph !== null);
  useEffect(() => {
    if (!isGraph || Graph) return undefined;
    let gone = false;
    // Without it the overview lacks its picture and nothing else: the tab says what is wrong.
    import("./run_graph.js").then((module) => {
      Graph = module.default;
      if (!gone) setCame(true);
    }, console.error);
    return () => {
      gone = true;
    };
  }, [isGraph]);
  return isGraph && Graph ? html`<div class="overview-graph"><${Graph} run=${run} query=${query} /></div>` : null;
}
