// What a run came to: its merged answer, or what its last tasks said; the files it saved; what is missing.
import { download, listAll } from "../api.js";
import { count, counted, percent, usd } from "../format.js";
import { Button } from "../parts/button.js";
import { Empty } from "../parts/empty.js";
import { useRequest } from "../parts/loading.js";
import { Failure, Notice } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { Skeleton } from "../parts/skeleton.js";
import { alert, done } from "../parts/toast.js";
import { href, setQuery } from "../routes.js";
import { RUN_ENDED } from "../state.js";
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { Text, textOf } from "./text_value.js";

const LAST_SHOWN = 20;
const MISSING_SHOWN = 50;

/** @param {{ run: import("../run.js").Run }} props */
export default function RunResult({ run }) {
  const version = useRowsVersion(run, 1_000);
  const swarm = run.swarm.value;
  const isOver = RUN_ENDED.has(swarm.status);
  return html`<div class="result">
    <${Standing} run=${run} isOver=${isOver} />
    <${Answer} run=${run} isOver=${isOver} version=${version} />
    <${Artifacts} run=${run} isOver=${isOver} />
    <${Missing} run=${run} isOver=${isOver} version=${version} />
  </div>`;
}

/** @param {{ run: import("../run.js").Run, isOver: boolean }} props */
function Standing({ run, isOver }) {
  const { completed, total } = run.counts.value;
  const { status } = run.swarm.value;
  const missing = total - completed;
  if (["partial", "failed", "cancelled"].includes(status)) return null; // the run's head says it above every tab
  if (!isOver) return html`<${Notice}>The run goes on: ${count(completed)} of ${counted(total, "task")} completed so far.<//>`;
  if (!missing) return html`<${Notice} kind="good">Complete: ${count(completed)} of ${count(total)}.<//>`;
  return html`<${Notice} kind="good">Complete: the vote was decided with ${count(completed)} of ${count(total)}.<//>`;
}

/** @param {{ run: import("../run.js").Run, isOver: boolean, version: number }} props */
function Answer({ run, isOver, version }) {
  const swarm = run.swarm.value;
  const checkpoint = run.checkpoint.value;
  const { data, error, reload } = useRequest(run.path); // the events do not carry the merged value
  useEffect(() => {
    reload();
  }, [isOver, checkpoint?.seq]);
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Skeleton} label="Loading the result" />`;
  const { aggregated, aggregation } = data;
  if (aggregated === null || aggregated === undefined) {
    return html`${aggregation?.error && html`<${Notice} kind="danger">The merge failed: ${aggregation.error}<//>`}
      <${LastOutputs} run=${run} isOver=${isOver} version=${version} />`;
  }
  const name = `${swarm.name ?? swarm.swarm_id}-result.${typeof aggregated === "string" ? "md" : "json"}`;
  return html`<${Panel} title=${isOver ? "Merged answer" : "Merged so far"} actions=${html`<${Button} onClick=${() => save(name, textOf(aggregated))}>Download<//>`}>
    <${Text} value=${aggregated} name="Merged answer" limit=${40_000} />
    ${aggregation &&
    html`<p class="dim">
      ${aggregation.strategy} of ${counted(aggregation.inputs, "output")}${aggregation.agreement !== null && `, agreement ${percent(aggregation.agreement)}`}${aggregation.cost_usd ? `, ${usd(aggregation.cost_usd)}` : ""}${aggregation.error ? `: ${aggregation.error}` : ""}
    </p>`}
  <//>`;
}

/**
 * Nothing was to be merged: the answer is what the tasks said that no other task needs.
 * @param {{ run: import("../run.js").Run, isOver: boolean, version: number }} props
 */
function LastOutputs({ run, isOver, version }) {
  const last = useMemo(() => {
    const needed = new Set();
    for (const row of run.tasks.values()) for (const id of row.depends_on) needed.add(id);
    return [...run.tasks.values()].filter((row) => !needed.has(row.task_id));
  }, [run, run.tasks.size]);
  const completed = useMemo(() => last.filter((row) => row.status === "completed"), [last, version]);
  if (!completed.length) {
    return html`<${Empty} title=${isOver ? "There is no result" : "No result yet"}>
      <p class="dim">${isOver ? "None of the tasks that others do not need has completed." : `It comes from ${last.length === 1 ? last[0].task_id : counted(last.length, "task")}.`}</p>
    <//>`;
  }
  return html`<${Panel} title=${last.length === 1 ? `Answer of ${last[0].task_id}` : `Answers (${count(completed.length)} of ${count(last.length)})`}>
    <div class="stack">
      ${completed.slice(0, LAST_SHOWN).map((row) => html`<${Output} key=${row.task_id} run=${run} taskId=${row.task_id} titled=${last.length > 1} />`)}
      ${completed.length > LAST_SHOWN &&
      html`<p class="dim">The first ${LAST_SHOWN} of ${count(completed.length)}; all of them: <${Button} onClick=${() => download(`${run.path}/export?kind=tasks&format=csv`).catch(alert)}>Download as CSV<//></p>`}
    </div>
  <//>`;
}

/** @param {{ run: import("../run.js").Run, taskId: string, titled: boolean }} props */
function Output({ run, taskId, titled }) {
  const { data, error, reload } = useRequest(`${run.path}/tasks/${encodeURIComponent(taskId)}`);
  return html`<div class="stack">
    ${titled && html`<h3><button type="button" class="link" onClick=${() => setQuery({ task: taskId }, { replace: false })}>${taskId}</button></h3>`}
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : data ? html`<${Text} value=${data.output} name=${`Output of ${taskId}`} limit=${titled ? 2_000 : 40_000} />` : html`<${Skeleton} lines=${2} />`}
  </div>`;
}

/** @param {{ run: import("../run.js").Run, isOver: boolean }} props */
function Artifacts({ run, isOver }) {
  const [state, setState] = useState({ items: /** @type {any[] | null} */ (null), error: /** @type {any} */ (null) });
  useEffect(() => {
    const controller = new AbortController();
    listAll(`${run.path}/artifacts`, {}, { signal: controller.signal }).then(
      (items) => setState({ items, error: null }),
      (error) => controller.signal.aborted || setState({ items: null, error }),
    );
    return () => controller.abort();
  }, [run, isOver]);
  if (state.error) return html`<${Failure} error=${state.error} />`;
  if (!state.items?.length) return null;
  const save = (/** @type {string} */ path) => download(`${run.path}/${path}`).then(() => done("Saved"), alert);
  return html`<${Panel} title=${`Files (${count(state.items.length)})`} flush actions=${html`<${Button} onClick=${() => save("artifacts.zip")}>Download all<//>`}>
    <table>
      <thead><tr><th scope="col">Name</th><th scope="col">Task</th><th scope="col" class="number">Version</th><th scope="col" class="number">Size</th><th scope="col"><span class="visually-hidden">Download</span></th></tr></thead>
      <tbody>
        ${state.items.map(
          (item) => html`<tr key=${item.name}>
            <td class="file-name">${item.name}</td>
            <td><button type="button" class="link" onClick=${() => setQuery({ task: item.task_id }, { replace: false })}>${item.task_id}</button></td>
            <td class="number">${item.version}</td>
            <td class="number">${sizeOf(item.size_bytes)}</td>
            <td class="number"><${Button} aria-label=${`Download ${item.name}`} onClick=${() => save(`artifacts/${item.name.split("/").map(encodeURIComponent).join("/")}`)}>Download<//></td>
          </tr>`,
        )}
      </tbody>
    </table>
  <//>`;
}

/** @param {{ run: import("../run.js").Run, isOver: boolean, version: number }} props */
function Missing({ run, isOver, version }) {
  const rows = useMemo(() => [...run.tasks.values()].filter((row) => ["failed", "cancelled", "skipped"].includes(row.status)), [run, version]);
  if (!rows.length) return null;
  return html`<${Panel} title=${`${isOver ? "Missing" : "Missing so far"} (${count(rows.length)})`} flush>
    <table>
      <thead><tr><th scope="col">Task</th><th scope="col">State</th><th scope="col">Why</th></tr></thead>
      <tbody>
        ${rows.slice(0, MISSING_SHOWN).map(
          (row) => html`<tr key=${row.task_id}>
            <td><button type="button" class="link" onClick=${() => setQuery({ task: row.task_id }, { replace: false })}>${row.task_id}</button></td>
            <td>${row.status}</td>
            <td class="missing-why">${row.error?.message ?? "–"}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${rows.length > MISSING_SHOWN && html`<p class="result-more"><a href=${href(`/runs/${encodeURIComponent(run.swarmId)}`, { tab: "tasks", state: "missing" })}>All ${count(rows.length)} in the table</a></p>`}
  <//>`;
}

/** @param {number} bytes */
const sizeOf = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`);

/** @param {string} name @param {string} text */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replaceAll(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
