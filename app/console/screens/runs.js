// All runs, newest first; where there is none, a first one in one click.
import { request } from "../api.js";
import { ago, count, counted, day, duration, momentOf, NOTHING, usd } from "../format.js";
import { Button } from "../parts/button.js";
import { RunChip } from "../parts/chip.js";
import { DemoSwarm, useDemo } from "../parts/demo_swarm.js";
import { Empty } from "../parts/empty.js";
import { useInterval, useRequest } from "../parts/loading.js";
import { Failure } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { SegmentedBar } from "../parts/segmented_bar.js";
import { Skeleton } from "../parts/skeleton.js";
import { alert } from "../parts/toast.js";
import { href, setQuery } from "../routes.js";
import { RUN_ENDED, RUN_STATES } from "../state.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const PAGE = "50";
const REFRESH_MS = 2_000;
/** While nothing runs the list changes only by what somebody starts. */
const IDLE_REFRESH_MS = 10_000;

/** @param {{ query: Record<string, string> }} props */
export default function Runs({ query }) {
  const status = query.status in RUN_STATES ? query.status : "";
  const parameters = new URLSearchParams({ limit: PAGE, figures: "true", ...(status && { status }) });
  const path = `/v1/swarms?${parameters}`;
  const { data, error, reload } = useRequest(path);
  const older = useOlder(path, data);
  const isBusy = data?.items.some((/** @type {any} */ run) => !RUN_ENDED.has(run.status));
  useInterval(reload, isBusy ? REFRESH_MS : IDLE_REFRESH_MS);
  useEffect(() => {
    document.title = "Runs · Swarm console";
  }, []);

  if (!data) {
    return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Skeleton} lines=${8} label="Loading the runs" />`;
  }
  if (!data.items.length && !status) return html`<${DemoSwarm} />`;
  return html`<${Head} status=${status} />
    ${error && html`<div class="runs-error"><${Failure} error=${error} retry=${reload} /></div>`}
    <${Panel} title="Newest first" flush>
      ${data.items.length
        ? html`<${Table} runs=${[...data.items, ...older.runs]} />`
        : html`<${Empty} title=${`No run is ${RUN_STATES[status].label}`}>
            <${Button} href=${href("/")}>All runs<//>
          <//>`}
      ${older.more && html`<div class="runs-more"><${Button} busy=${older.isLoading} onClick=${older.load}>Older runs<//></div>`}
    <//>`;
}

/** @param {{ status: string }} props */
function Head({ status }) {
  const demo = useDemo();
  const onChange = (/** @type {any} */ event) => setQuery({ status: event.currentTarget.value });
  return html`<div class="page-head">
    <h1>Runs</h1>
    <select aria-label="Which runs" value=${status} onChange=${onChange}>
      <option value="">all runs</option>
      ${Object.entries(RUN_STATES).map(([name, { label }]) => html`<option key=${name} value=${name}>${label}</option>`)}
    </select>
    <${Button} busy=${demo.busy} onClick=${() => demo.start("offline")}>Run the demo swarm<//>
    <${Button} kind="primary" href=${href("/new")}>New run<//>
  </div>`;
}

/**
 * The pages behind the first, which alone is asked for again and again.
 * @param {string} path @param {any} first the first page
 */
function useOlder(path, first) {
  const none = { runs: /** @type {any[]} */ ([]), cursor: /** @type {string | null | undefined} */ (undefined) };
  const [pages, setPages] = useState(none);
  const [isLoading, setLoading] = useState(false);
  useEffect(() => setPages(none), [path]);
  const cursor = pages.cursor === undefined ? first?.next_cursor : pages.cursor;
  const load = async () => {
    setLoading(true);
    try {
      const page = await request(`${path}&cursor=${encodeURIComponent(cursor)}`);
      setPages({ runs: [...pages.runs, ...page.items], cursor: page.next_cursor });
    } catch (error) {
      alert(error);
    } finally {
      setLoading(false);
    }
  };
  // New runs push some from the first page into the next: those are shown once.
  const shown = new Set(first?.items.map((/** @type {any} */ run) => run.swarm_id));
  return { runs: pages.runs.filter((run) => !shown.has(run.swarm_id)), more: Boolean(cursor), isLoading, load };
}

/** @param {{ runs: any[] }} props */
const Table = ({ runs }) =>
  html`<table class="runs">
    <thead>
      <tr>
        <th>Run</th>
        <th>Status</th>
        <th>Progress</th>
        <th class="number">Done</th>
        <th class="number">Cost</th>
        <th class="number">p95</th>
        <th class="number">Time</th>
      </tr>
    </thead>
    <tbody>
      ${runs.map((run) => html`<${Row} key=${run.swarm_id} run=${run} />`)}
    </tbody>
  </table>`;

/** @param {{ run: any }} props */
function Row({ run }) {
  const { counts } = run;
  const began = momentOf(run.started_at);
  const took = began === null ? null : (momentOf(run.ended_at) ?? Date.now()) - began;
  const missing = RUN_ENDED.has(run.status) ? counts.total - counts.completed : counts.failed;
  return html`<tr>
    <td class="runs-name">
      <a class="truncate" href=${href(`/runs/${run.swarm_id}`)}>${run.name || run.swarm_id}</a>
      <div class="dim" title=${day(run.created_at)}>${ago(run.created_at)}</div>
    </td>
    <td class="runs-status"><${RunChip} status=${run.status} /></td>
    <td class="runs-progress"><${SegmentedBar} counts=${counts} /></td>
    <td class="number runs-done">
      ${count(counts.completed)} / ${count(counts.total)}
      ${missing > 0 && html`<div><a href=${href(`/runs/${run.swarm_id}`, { tab: "tasks", state: "missing" })}>${count(missing)} missing</a></div>`}
    </td>
    <td class="number" data-title="cost">${usd(run.cost_usd)}</td>
    <td class="number" data-title="p95">${duration(run.p95_ms)}</td>
    <td class="number" data-title="time" title=${counted(run.steps, "model call")}>${took === null ? NOTHING : duration(took)}</td>
  </tr>`;
}
