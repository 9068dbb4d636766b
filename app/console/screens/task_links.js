import { count } from "../format.js";
import { setQuery } from "../routes.js";
import { html, useMemo, useState } from "../vendor/preact.js";

const SHOWN = 24;

/** What a task waits for and what waits for it, each with its state. @param {{ run: import("../run.js").Run, task: any }} props */
export function TaskLinks({ run, task }) {
  const dependents = useMemo(() => {
    const found = [];
    for (const row of run.tasks.values()) if (row.depends_on.includes(task.task_id)) found.push(row.task_id);
    return found;
  }, [run, task.task_id, run.tasks.size]);
  return html`<${Links} run=${run} title="Depends on" ids=${task.depends_on} />
    <${Links} run=${run} title="Needed by" ids=${dependents} />`;
}

/** @param {{ run: import("../run.js").Run, title: string, ids: string[] }} props */
function Links({ run, title, ids }) {
  const [all, setAll] = useState(false);
  if (!ids.length) return null;
  const shown = all ? ids : ids.slice(0, SHOWN);
  const completed = ids.filter((id) => run.tasks.get(id)?.status === "completed").length;
  return html`<section class="drawer-section">
    <h3>${title} (${count(completed)} of ${count(ids.length)} completed)</h3>
    <ul class="task-links">
      ${shown.map((id) => {
        const row = run.tasks.get(id);
        const state = row ? run.shownState(row) : null;
        return html`<li key=${id}>
          <button type="button" class="chip" disabled=${!row} onClick=${() => setQuery({ task: id })}>
            <span class="dot ${state?.cssClass ?? ""}" aria-hidden="true">${state?.glyph ?? ""}</span>${id}
            <span class="visually-hidden">${state?.name ?? "of another run"}</span>
          </button>
        </li>`;
      })}
    </ul>
    ${shown.length < ids.length && html`<button type="button" class="button is-plain" onClick=${() => setAll(true)}>Show all ${count(ids.length)}</button>`}
  </section>`;
}
