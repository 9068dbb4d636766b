// One task beside whatever is shown of its run: what it was asked, what it did, what it cost, and what hangs on it.
import { request } from "../api.js";
import { count, counted, duration, time, usd } from "../format.js";
import { Button } from "../parts/button.js";
import { Chip } from "../parts/chip.js";
import { useRequest } from "../parts/loading.js";
import { Failure } from "../parts/notice.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { Skeleton } from "../parts/skeleton.js";
import { alert, done } from "../parts/toast.js";
import { setQuery } from "../routes.js";
import { stateOf } from "../state.js";
import { CANCELLABLE, RETRYABLE } from "../task_filter.js";
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { TaskLinks } from "./task_links.js";
import { Steps } from "./task_steps.js";
import { Text } from "./text_value.js";

const EVERY_MS = 500;

/** @param {{ run: import("../run.js").Run, taskId: string }} props */
export function TaskDrawer({ run, taskId }) {
  useRowsVersion(run, EVERY_MS);
  const row = run.tasks.get(taskId);
  const path = `${run.path}/tasks/${encodeURIComponent(taskId)}`;
  const { data, error, reload } = useRequest(path);
  /** @type {import("../vendor/preact.js").Ref<HTMLElement>} */
  const box = useRef(null);
  const id = useId();
  const close = () => setQuery({ task: null });

  // What the events do not carry (prompt, output, steps) is asked for again whenever they tell of a change.
  const seen = `${row?.status} ${row?.attempts} ${row?.steps}`;
  const first = useRef(seen);
  useEffect(() => {
    if (seen !== first.current) reload();
    first.current = seen;
  }, [seen]);

  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.focus();
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
      // Wherever the focus is: a button that was pressed may be gone since. A dialog above it closes first.
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) close();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => {
      document.removeEventListener("keydown", onKeyDown);
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const state = row ? run.shownState(row) : data ? stateOf(data.status) : null;
  return html`<aside class="drawer" ref=${box} role="dialog" aria-labelledby=${id} tabindex="-1">
    <header class="drawer-head">
      <h2 id=${id}>${taskId}</h2>
      ${state && html`<${Chip} kind=${state.cssClass}>${state.glyph && html`<span aria-hidden="true">${state.glyph}</span>`}${state.name}<//>`}
      <${Actions} run=${run} path=${path} status=${row?.status ?? data?.status} />
      <${Button} kind="plain" icon aria-label="Close" onClick=${close}>✕<//>
    </header>
    <div class="drawer-body">
      ${error && html`<${Failure} error=${error} retry=${reload} />`}
      ${!data && !error && html`<${Skeleton} lines=${6} label="Loading the task" />`}
      ${data && html`<${Detail} run=${run} task=${data} />`}
    </div>
  </aside>`;
}

/** @param {{ run: import("../run.js").Run, path: string, status: string | undefined }} props */
function Actions({ run, path, status = "" }) {
  const [busy, setBusy] = useState(false);
  /** @param {string} verb @param {string} said */
  const ask = async (verb, said) => {
    setBusy(true);
    try {
      run.swarm.value = await request(`${path}/${verb}`, { method: "POST" });
      if (run.connection.peek().name === "ended") run.reopen(); // its run goes on
      done(said);
    } catch (error) {
      alert(error);
    } finally {
      setBusy(false);
    }
  };
  if (RETRYABLE.has(status)) return html`<${Button} kind="primary" busy=${busy} onClick=${() => ask("retry", "The task runs again")}>Retry<//>`;
  if (CANCELLABLE.has(status)) return html`<${Button} kind="danger" busy=${busy} onClick=${() => ask("cancel", "The task was cancelled")}>Cancel task<//>`;
  return null;
}

/** @param {{ run: import("../run.js").Run, task: any }} props */
function Detail({ run, task }) {
  const { prompt, data, type: _type, role: _role, depends_on: _on, ...more } = task.input;
  return html`
    <dl class="facts">
      <${Fact} name="Role">${task.role ?? task.type ?? "–"}<//>
      <${Fact} name="Model">${task.model ?? task.requested_model ?? "–"}<//>
      <${Fact} name="Attempts">${count(task.attempts)}<//>
      <${Fact} name="Latency">${duration(task.latency_ms)}<//>
      <${Fact} name="Waited">${duration(task.queue_ms)}<//>
      <${Fact} name="Tokens">${count(task.usage.prompt_tokens)} in, ${count(task.usage.completion_tokens)} out${task.usage.cached_tokens > 0 ? `, ${count(task.usage.cached_tokens)} cached` : ""}<//>
      <${Fact} name="Cost">${usd(task.cost_usd)}<//>
      <${Fact} name="Priority">${task.priority}<//>
      ${task.score !== null && html`<${Fact} name="Score">${task.score}<//>`}
    </dl>
    ${task.error && task.status !== "completed" && html`<${Section} title="Error"><p class="drawer-error"><strong>${task.error.type}</strong> ${task.error.message}</p><//>`}
    ${task.output !== null && html`<${Section} title="Output"><${Text} value=${task.output} name=${`${task.task_id} output`} /><//>`}
    <${Section} title="Prompt">
      ${prompt === undefined ? html`<p class="dim">None of its own: it is given its data and its inputs.</p>` : html`<${Text} value=${prompt} name=${`${task.task_id} prompt`} />`}
    <//>
    ${data !== undefined && html`<${Section} title="Data"><${Text} value=${data} name=${`${task.task_id} data`} /><//>`}
    ${Object.keys(more).length > 0 && html`<${Section} title="Further fields"><${Text} value=${more} name=${`${task.task_id} fields`} /><//>`}
    <${TaskLinks} run=${run} task=${task} />
    <${Section} title=${`Attempts (${count(task.attempt_log.length)})`}><${Attempts} attempts=${task.attempt_log} /><//>
    ${task.steps.length > 0 && html`<${Section} title=${`Steps (${count(task.steps.length)})`}><${Steps} steps=${task.steps} /><//>`}
    ${task.routing?.reason && html`<${Section} title="Why this model"><p>${task.routing.reason}</p>${task.routing.chain?.length > 0 && html`<p class="dim">After repeated failure: ${task.routing.chain.join(" → ")}</p>`}<//>`}
  `;
}

/** @param {{ name: string, children?: any }} props */
const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children}</dd></div>`;

/** @param {{ title: string, children?: any }} props */
export const Section = ({ title, children }) => html`<section class="drawer-section"><h3>${title}</h3>${children}</section>`;

/** @param {{ attempts: any[] }} props */
function Attempts({ attempts }) {
  if (!attempts.length) return html`<p class="dim">None has begun.</p>`;
  return html`<ol class="attempts">
    ${attempts.map(
      (attempt) => html`<li key=${attempt.attempt}>
        <div class="row">
          <${Chip} kind=${stateOf(attempt.status).cssClass}>${attempt.attempt}. ${attempt.status}<//>
          <span>${time(attempt.started_at)}</span>
          <span class="dim">
            ${duration(attempt.latency_ms)} · waited ${duration(attempt.queue_ms)} · ${attempt.model ?? "model not told"} ·
            ${" "}${counted(attempt.usage.total_tokens, "token")} · ${usd(attempt.cost_usd)}
          </span>
        </div>
        ${attempt.error && html`<p class="drawer-error"><strong>${attempt.error.type}</strong> ${attempt.error.message}</p>`}
      </li>`,
    )}
  </ol>`;
}
