// One run: its head, its figures, its tabs, and the task that the URL names beside them.
import { Empty } from "../parts/empty.js";
import { Button } from "../parts/button.js";
import { say } from "../parts/live.js";
import { Failure } from "../parts/notice.js";
import { Skeleton } from "../parts/skeleton.js";
import { Tabs } from "../parts/tabs.js";
import { href } from "../routes.js";
import { createRun } from "../run.js";
import { RUN_ENDED, runStateOf } from "../state.js";
import { html, useEffect, useErrorBoundary, useSignalEffect, useState } from "../vendor/preact.js";
import { RunCounters } from "./run_counters.js";
import { RunHead } from "./run_head.js";
import { RunNotices } from "./run_notices.js";
import RunOverview from "./run_overview.js";
import { TaskDrawer } from "./task_drawer.js";

/** Tabs beside the overview; each module comes when its tab is opened. */
const TABS = [
  { name: "overview", title: "Overview" },
  { name: "graph", title: "Graph" },
  { name: "timeline", title: "Timeline" },
  { name: "tasks", title: "Tasks" },
  { name: "messages", title: "Messages" },
  { name: "result", title: "Result" },
];

/** @type {Map<string, any>} modules of tabs that have come, by name */
const loaded = new Map([["overview", RunOverview]]);

/** @param {{ params: Record<string, string>, query: Record<string, string> }} props */
export default function RunScreen({ params, query }) {
  const [run] = useState(() => createRun(params.id));
  useEffect(() => () => run.close(), [run]);
  useTitle(run);
  useAnnouncements(run);

  const connection = run.connection.value;
  if (connection.name === "refused") return html`<${Refused} error=${connection.error} swarmId=${params.id} />`;
  if (run.swarm.value === null) return html`<${Skeleton} lines=${8} label="Loading the run" />`;

  const current = TABS.some(({ name }) => name === query.tab) ? query.tab : "overview";
  const tabs = TABS.map((tab) => ({
    ...tab,
    href: href(`/runs/${encodeURIComponent(params.id)}`, { tab: tab.name === "overview" ? null : tab.name, task: query.task }),
  }));
  return html`<div class="run ${run.stale.value ? "is-stale" : ""}">
    <${RunHead} run=${run} />
    <${RunNotices} run=${run} />
    <div class="run-data">
      <${RunCounters} run=${run} />
      <${Tabs} label="Views of the run" tabs=${tabs} current=${current} />
      <${Tab} key=${current} name=${current} run=${run} query=${query} />
    </div>
    ${query.task && html`<${TaskDrawer} key=${query.task} run=${run} taskId=${query.task} />`}
  </div>`;
}

/** @param {{ name: string, run: import("../run.js").Run, query: Record<string, string> }} props */
function Tab({ name, run, query }) {
  const [, setShown] = useState(loaded.has(name));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [broken, reset] = useErrorBoundary((/** @type {any} */ reason) => console.error(reason));
  useEffect(() => {
    let gone = false;
    import(`./run_${name}.js`).then(
      (module) => {
        loaded.set(name, module.default);
        if (!gone) setShown(true);
      },
      (reason) => gone || setError(reason),
    );
    return () => {
      gone = true;
    };
  }, [name]);
  const Shown = loaded.get(name);
  if (broken) return html`<${Failure} error=${broken} retry=${reset} />`;
  if (error && !Shown) return html`<${Failure} error=${error} retry=${() => location.reload()} />`;
  if (!Shown) return html`<${Skeleton} />`;
  return html`<div class="tab"><${Shown} run=${run} query=${query} /></div>`;
}

/** @param {{ error: import("../api.js").ApiError, swarmId: string }} props */
function Refused({ error, swarmId }) {
  if (error.status !== 404) return html`<${Failure} error=${error} retry=${() => location.reload()} />`;
  return html`<${Empty} title="There is no such run">
    <p class="dim">No run has the id <code>${swarmId}</code>. It may have been deleted, or belong to another key.</p>
    <${Button} kind="primary" href=${href("/")}>All runs<//>
  <//>`;
}

/** @param {import("../run.js").Run} run */
function useTitle(run) {
  useSignalEffect(() => {
    const { completed, total } = run.counts.value;
    const swarm = run.swarm.value;
    const name = swarm?.name ?? run.swarmId;
    const share = swarm && !RUN_ENDED.has(swarm.status) && total ? `${Math.floor((100 * completed) / total)}% ` : "";
    document.title = `${share}${name} · Swarm console`;
  });
}

/** Say how the run goes on, in words: once for each state that it comes to. @param {import("../run.js").Run} run */
function useAnnouncements(run) {
  const [told] = useState({ status: "", connection: "" });
  useSignalEffect(() => {
    const status = run.swarm.value?.status ?? "";
    const connection = run.connection.value.name;
    const { completed, total } = run.counts.peek();
    if (told.status && status !== told.status) say(`The run is ${runStateOf(status).label}: ${completed} of ${total} tasks completed`);
    else if (connection !== told.connection && connection === "reconnecting") say("The connection is lost; reconnecting");
    else if (connection !== told.connection && told.connection === "reconnecting" && connection === "live") say("Connected again");
    told.status = status;
    if (connection !== "connecting") told.connection = connection;
  });
}
