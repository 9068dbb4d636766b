// All tasks of a run as a table: filtered by the URL, sorted, chosen, retried and cancelled in bulk.
import { count, counted } from "../format.js";
import { Button } from "../parts/button.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { alert, done } from "../parts/toast.js";
import { setQuery } from "../routes.js";
import { CANCELLABLE, RETRYABLE, filtered, rolesOf } from "../task_filter.js";
import { html, useMemo, useState } from "../vendor/preact.js";
import { TaskTable } from "./task_table.js";

const EVERY_MS = 250;
const STATES = ["waiting", "queued", "running", "retrying", "completed", "failed", "cancelled", "skipped"];

/** @param {{ run: import("../run.js").Run, query: Record<string, string> }} props */
export default function RunTasks({ run, query }) {
  const version = useRowsVersion(run, EVERY_MS);
  const { state, q, error, role, sort = "" } = query;
  const rows = useMemo(() => filtered(run.tasks.values(), { state, q, error, role, sort }), [run, version, state, q, error, role, sort]);
  const roles = useMemo(() => rolesOf(run.tasks.values()), [run, run.tasks.size]);
  const [selected, setSelected] = useState(/** @type {Set<string>} */ (new Set()));
  const isFiltered = Boolean(state || q || error || role);
  const clear = () => setQuery({ state: null, q: null, error: null, role: null });

  return html`<section class="panel tasks" aria-label="Tasks">
    <${Filters} run=${run} query=${query} roles=${roles} />
    <div class="tasks-bar">
      <span role="status">
        ${selected.size > 0 ? `${count(selected.size)} selected of ` : ""}${counted(rows.length, "task")}${isFiltered ? ` of ${count(run.tasks.size)}` : ""}
      </span>
      ${error && html`<span class="truncate tasks-error" title=${error}>with “${error}”</span>`}
      ${isFiltered && html`<${Button} kind="plain" onClick=${clear}>Show all<//>`}
      <${Bulk} run=${run} selected=${selected} onSelect=${setSelected} version=${version} />
    </div>
    ${rows.length || !isFiltered
      ? html`<${TaskTable}
          run=${run}
          rows=${rows}
          selected=${selected}
          onSelect=${setSelected}
          onOpen=${(/** @type {string} */ task) => setQuery({ task }, { replace: Boolean(query.task) })}
          sort=${sort}
          onSort=${(/** @type {string} */ next) => setQuery({ sort: next })}
          open=${query.task}
          view=${[state, q, error, role, sort].join("\n")}
        />`
      : html`<p class="tasks-none dim">No task is like that now.</p>`}
  </section>`;
}

/** @param {{ run: import("../run.js").Run, query: Record<string, string>, roles: string[] }} props */
function Filters({ run, query, roles }) {
  const counts = run.counts.value;
  const missing = counts.failed + counts.cancelled + counts.skipped;
  const shown = [
    { name: "", title: "all", number: counts.total },
    ...STATES.filter((name) => counts[name] > 0 || query.state === name).map((name) => ({ name, title: name, number: counts[name] })),
    ...(missing > 0 || query.state === "missing" ? [{ name: "missing", title: "missing", number: missing }] : []),
  ];
  return html`<div class="tasks-filters">
    <input
      type="search"
      aria-label="Search tasks"
      placeholder="Search id, role, model, error"
      value=${query.q ?? ""}
      onInput=${(/** @type {any} */ event) => setQuery({ q: event.currentTarget.value })}
    />
    ${roles.length > 1 &&
    html`<select aria-label="Role" value=${query.role ?? ""} onChange=${(/** @type {any} */ event) => setQuery({ role: event.currentTarget.value })}>
      <option value="">every role</option>
      ${roles.map((role) => html`<option key=${role} value=${role}>${role}</option>`)}
    </select>`}
    <div class="tasks-states" role="group" aria-label="State">
      ${shown.map(
        ({ name, title, number }) => html`<button
          type="button"
          key=${name}
          class="chip"
          aria-pressed=${(query.state ?? "") === name}
          onClick=${() => setQuery({ state: name })}
        >
          ${name && name !== "missing" && html`<span class="dot is-${name}" aria-hidden="true"></span>`}${title} ${count(number)}
        </button>`,
      )}
    </div>
  </div>`;
}

/**
 * What can be done with the tasks chosen, each button with how many of them it concerns.
 * @param {{ run: import("../run.js").Run, selected: Set<string>, onSelect: (ids: Set<string>) => void, version: number }} props
 */
function Bulk({ run, selected, onSelect }) {
  const [busy, setBusy] = useState("");
  if (!selected.size) return null;
  const chosen = (/** @type {Set<string>} */ states) => [...selected].filter((id) => states.has(run.tasks.get(id)?.status ?? ""));
  const retryable = chosen(RETRYABLE);
  const cancellable = chosen(CANCELLABLE);

  /** @param {string} verb @param {string[]} ids @param {string} past */
  const ask = async (verb, ids, past) => {
    setBusy(verb);
    try {
      await run.post(verb, { task_ids: ids });
      done(`${counted(ids.length, "task")} ${past}`);
      onSelect(new Set());
    } catch (error) {
      alert(error);
    } finally {
      setBusy("");
    }
  };
  return html`<span class="tasks-bulk">
    <${Button} disabled=${!retryable.length} busy=${busy === "retry"} onClick=${() => ask("retry", retryable, "will run again")}>Retry ${count(retryable.length)}<//>
    <${Button} kind="danger" disabled=${!cancellable.length} busy=${busy === "cancel"} onClick=${() => ask("cancel", cancellable, "cancelled")}>Cancel ${count(cancellable.length)}<//>
    <${Button} kind="plain" onClick=${() => onSelect(new Set())}>Clear<//>
  </span>`;
}
