// What the service says of the document: what is wrong with it, and what a run of it would cost and take.
import { counted } from "../format.js";
import { html } from "../vendor/preact.js";
import { tasksOf } from "./builder_document.js";
import { Forecast } from "./forecast.js";

const SHOWN = 8;

/** @typedef {import("./builder_editor.js").Problem} Problem */

/**
 * @param {Problem} problem @param {import("./builder_document.js").Doc} doc
 * @returns {{ id: string, field: string } | null} the task that it is about, and the field
 */
export function placeOf(problem, doc) {
  const match = /^\/tasks\/(\d+)(?:\/([^/]+))?/.exec(problem.pointer);
  const task = match && tasksOf(doc)[Number(match[1])];
  return task ? { id: task.id, field: match[2] ?? "" } : null;
}

/** @param {any} report @param {import("./builder_document.js").Doc} doc @returns {Set<string>} ids of tasks with a problem */
export function wrongTasks(report, doc) {
  const ids = new Set();
  for (const problem of report?.problems ?? []) {
    const at = placeOf(problem, doc);
    if (at) ids.add(at.id);
    for (const id of problem.path ?? []) ids.add(id);
  }
  return ids;
}

/** @param {{ editor: import("./builder_editor.js").Editor, onShow: (id: string) => void }} props */
export function Report({ editor, onShow }) {
  const report = editor.report.value;
  const doc = editor.doc.value;
  const error = editor.checkError.value;
  const problems = /** @type {Problem[]} */ (report?.problems ?? []);
  const isEmpty = tasksOf(doc).length === 0 && Array.isArray(doc.body.tasks);
  return html`<div class="report">
    <section aria-label="Problems" class="report-part" aria-busy=${editor.isChecking.value}>
      <h2>Problems ${problems.length > 0 && !isEmpty && html`<span class="chip is-failed">${problems.length}</span>`}</h2>
      ${error && html`<p class="wrong">It could not be checked: ${error.message}</p>`}
      ${isEmpty ? html`<p class="dim">Nothing to check yet.</p>` : html`
        ${report?.valid && html`<p class="good"><span aria-hidden="true">✓</span> None: it can be run.</p>`}
        <ul>
          ${problems.slice(0, SHOWN).map((problem) => html`<li key=${problem.pointer + problem.detail}>
            <span class="wrong" aria-hidden="true">✕</span>
            <${Where} problem=${problem} doc=${doc} onShow=${onShow} /> ${problem.detail}
          </li>`)}
          ${problems.length > SHOWN && html`<li class="dim">and ${problems.length - SHOWN} more</li>`}
          ${(report?.warnings ?? []).map((/** @type {string} */ text) => html`<li key=${text}>
            <span class="amber" aria-hidden="true">!</span> ${text}</li>`)}
        </ul>`}
    </section>
    <section aria-label="Forecast" class="report-part">
      <h2>Forecast</h2>
      ${report?.prediction
        ? html`<${Forecast} prediction=${report.prediction} />
          <p class="dim">${counted(report.task_count ?? 0, "task")}${report.levels ? ` in ${counted(report.levels, "level")}, at most ${Math.max(...report.widths)} side by side` : ""}</p>`
        : html`<p class="dim">${isEmpty || !report ? "Cost and duration, once there is something to run." : "Once the problems are solved."}</p>`}
    </section>
  </div>`;
}

/** @param {{ problem: Problem, doc: import("./builder_document.js").Doc, onShow: (id: string) => void }} props */
function Where({ problem, doc, onShow }) {
  const at = placeOf(problem, doc);
  if (!at) return problem.pointer ? html`<code>${problem.pointer}</code>` : null;
  return html`<button type="button" class="link" onClick=${() => onShow(at.id)}>${at.id}${at.field ? ` · ${at.field}` : ""}</button>`;
}
