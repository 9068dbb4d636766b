// All runs, newest first; where there is none, a first one in one click.
import { DemoSwarm } from "../parts/demo_swarm.js";
import { Button } from "../parts/button.js";
import { RunChip } from "../parts/chip.js";
import { Failure } from "../parts/notice.js";
import { useInterval, useRequest } from "../parts/loading.js";
import { Panel } from "../parts/panel.js";
import { SegmentedBar } from "../parts/segmented_bar.js";
import { Skeleton } from "../parts/skeleton.js";
import { ago, count, day, duration, momentOf, usd } from "../format.js";
import { href } from "../routes.js";
import { RUN_ENDED } from "../state.js";
import { html, useEffect } from "../vendor/preact.js";

const REFRESH_MS = 2_000;

/** @param {{ query: Record<string, string> }} props */
export default function Runs({ query }) {
  const path = `/v1/swarms?${new URLSearchParams({ limit: "50", ...query })}`;
  const { data, error, reload } = useRequest(path);
  useInterval(reload, REFRESH_MS);
  useEffect(() => {
    document.title = "Runs · Swarm console";
  }, []);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Skeleton} lines=${8} label="Loading the runs" />`;
  const isFiltered = Object.keys(query).length > 0;
  if (!data.items.length && !isFiltered) return html`<${DemoSwarm} />`;
  return html`<div class="page-head">
      <h1>Runs</h1>
      <${Button} kind="primary" href=${href("/new")}>New run<//>
    </div>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    <${Panel} title="Newest first" flush>
      <table class="runs">
        <thead>
          <tr>
            <th>Run</th>
            <th>Status</th>
            <th>Progress</th>
            <th class="number">Done</th>
            <th class="number">Cost</th>
            <th class="number">Time</th>
          </tr>
        </thead>
        <tbody>
          ${data.items.map((run) => html`<${Row} key=${run.swarm_id} run=${run} />`)}
        </tbody>
      </table>
    <//>`;
}

function Row({ run }) {
  const { counts } = run;
  const began = momentOf(run.started_at) ?? momentOf(run.created_at) ?? 0;
  const took = (momentOf(run.ended_at) ?? Date.now()) - began;
  return html`<tr>
    <td>
      <a href=${href(`/runs/${run.swarm_id}`)}>${run.name || run.swarm_id}</a>
      <div class="dim" title=${day(run.created_at)}>${ago(run.created_at)}</div>
    </td>
    <td><${RunChip} status=${run.status} /></td>
    <td class="progress"><${SegmentedBar} counts=${counts} /></td>
    <td class="number">${count(counts.completed)} / ${count(counts.total)}</td>
    <td class="number">${usd(run.cost_usd)}</td>
    <td class="number">${run.started_at ? duration(took) : "–"}${RUN_ENDED.has(run.status) ? "" : " …"}</td>
  </tr>`;
}
