// The properties of what is selected: a task, a dependency, several tasks; or of the run, where nothing is.
import { useRequest } from "../parts/loading.js";
import { Button } from "../parts/button.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { connectTasks } from "./builder_actions.js";
import { changed, cut, renamed, taskOf, tasksOf } from "./builder_document.js";
import { deleteSelected } from "./builder_keys.js";
import { placeOf } from "./builder_report.js";
import { RunSettings } from "./builder_settings.js";
import { CheckField, ChoiceField, JsonField, NumberField, TextField } from "./form_fields.js";

const TIERS = ["thinking", "instant", "light"];

/** @typedef {import("./builder_editor.js").Editor} Editor */

/** @param {{ editor: Editor, onShow: (id: string) => void }} props */
export function Properties({ editor, onShow }) {
  const ids = editor.selection.value;
  const edge = editor.edge.value;
  const models = useRequest("/v1/models").data?.data ?? [];
  const names = models.map((/** @type {any} */ model) => model.id).filter((/** @type {string} */ id) => !id.startsWith("swarm/"));
  if (edge) return html`<${EdgeForm} editor=${editor} edge=${edge} />`;
  if (ids.length === 1 && taskOf(editor.doc.value, ids[0])) {
    // By its place, which a new id does not change: the form stays, and with it the focus.
    const place = tasksOf(editor.doc.value).findIndex((task) => task.id === ids[0]);
    return html`<${TaskForm} key=${place} editor=${editor} id=${ids[0]} models=${names} onShow=${onShow} />`;
  }
  if (ids.length > 1) {
    return html`<div class="stack"><h2>${ids.length} tasks</h2>
      <${Button} kind="danger" onClick=${() => deleteSelected(editor)}>Delete them<//></div>`;
  }
  return html`<${RunSettings} editor=${editor} models=${names} />`;
}

/** @param {{ editor: Editor, edge: [string, string] }} props */
function EdgeForm({ editor, edge: [from, to] }) {
  return html`<div class="stack">
    <h2>Dependency</h2>
    <p><b>${to}</b> waits for <b>${from}</b> and is given its output.</p>
    <${Button} kind="danger" onClick=${() => deleteSelected(editor)}>Delete the dependency<//>
  </div>`;
}

/** @param {{ editor: Editor, id: string, models: string[], onShow: (id: string) => void }} props */
function TaskForm({ editor, id, models, onShow }) {
  const task = /** @type {import("./builder_document.js").Task} */ (taskOf(editor.doc.value, id));
  const roles = useRequest("/v1/roles?limit=100").data?.items ?? [];
  const wrong = wrongFields(editor, id);
  /** @param {string} name @returns {{ value: any, wrong: string | undefined, onChange: (value: any) => void }} */
  const field = (name) => ({
    value: task[name],
    wrong: wrong[name],
    onChange: (value) => editor.commit(changed(editor.doc.peek(), id, { [name]: value }), `${id} ${name}`),
  });
  return html`<div class="stack">
    <div class="row spread"><h2>Task</h2>
      <${Button} kind="danger" onClick=${() => deleteSelected(editor)}>Delete<//></div>
    <${IdField} editor=${editor} id=${id} wrong=${wrong.id} />
    ${typeof task.prompt === "string" || task.prompt === undefined
      ? html`<${TextField} label="Prompt" rows=${5} hint="What the sub-agent is to do." ...${field("prompt")} />`
      : html`<${JsonField} label="Prompt" hint="Message parts" rows=${5} ...${field("prompt")} />`}
    <${TextField} label="Role" options=${roles.map((/** @type {any} */ role) => role.name)} ...${field("role")} />
    <${Dependencies} editor=${editor} task=${task} wrong=${wrong.depends_on} onShow=${onShow} />
    <${ChoiceField} label="Model" none="that of the run" options=${models} ...${field("model")} />
    <details open=${hasMore(task)}>
      <summary>More</summary>
      <div class="stack">
        <${ChoiceField} label="Tier" none="any" options=${TIERS} ...${field("tier")} />
        <${TextField} label="Type" ...${field("type")} />
        <${Tools} ...${field("tools")} />
        <div class="pair">
          <${NumberField} label="Priority" min="1" max="10" placeholder="5" ...${numeric(field("priority"))} />
          <${NumberField} label="Complexity" min="1" max="10" ...${field("complexity")} />
          <${NumberField} label="Timeout (s)" min="1" ...${field("timeout_s")} />
          <${NumberField} label="Retries" min="0" max="100" placeholder="3" ...${field("max_retries")} />
          <${NumberField} label="Output tokens" min="1" ...${field("max_output_tokens")} />
          <${NumberField} label="Token budget" min="1" ...${field("token_budget")} />
        </div>
        <${JsonField} label="Data" hint="JSON; it is sent with the prompt." ...${field("data")} />
        <${JsonField} label="Output schema" hint="JSON Schema that the output is held to." ...${field("output_schema")} />
        <${CheckField} label="Runs even if what it waits for failed" checked=${task.allow_failed_dependencies === true}
          onChange=${(/** @type {boolean} */ on) => field("allow_failed_dependencies").onChange(on || undefined)} />
      </div>
    </details>
  </div>`;
}

const MORE = ["tier", "type", "tools", "complexity", "timeout_s", "max_retries", "max_output_tokens", "token_budget", "data", "output_schema"];

/** @param {Record<string, any>} task */
const hasMore = (task) => MORE.some((name) => task[name] !== undefined);

const PRIORITIES = { low: 2, normal: 5, high: 8, critical: 10 };

/** @param {any} field priority may be a word */
const numeric = (field) => ({ ...field, value: PRIORITIES[/** @type {keyof typeof PRIORITIES} */ (field.value)] ?? field.value });

/** @param {Editor} editor @param {string} id @returns {Record<string, string>} by field */
function wrongFields(editor, id) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const problem of editor.report.value?.problems ?? []) {
    const at = placeOf(problem, editor.doc.value);
    if (at?.id === id) found[at.field || "id"] ??= problem.detail;
  }
  return found;
}

/** @param {{ editor: Editor, id: string, wrong?: string }} props */
function IdField({ editor, id, wrong }) {
  const [text, setText] = useState(id);
  useEffect(() => setText(id), [id]); // an undo brings the old one back
  const taken = text !== id && taskOf(editor.doc.value, text) !== undefined;
  const problem = text === "" ? "A task needs an id" : taken ? "Another task has this id" : null;
  const take = () => {
    if (problem || text === id) return;
    editor.commit(renamed(editor.doc.peek(), id, text));
    editor.select([text]);
  };
  return html`<${TextField} label="Id" value=${text} wrong=${problem ?? wrong} maxlength="256" data-first
    onChange=${(/** @type {string | undefined} */ value) => setText(value ?? "")} onBlur=${take}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && take()} />`;
}

/** @param {{ editor: Editor, task: any, wrong?: string, onShow: (id: string) => void }} props */
function Dependencies({ editor, task, wrong, onShow }) {
  const needed = /** @type {string[]} */ (task.depends_on ?? []);
  const others = tasksOf(editor.doc.value).map((one) => one.id).filter((id) => id !== task.id && !needed.includes(id));
  return html`<div class="field">
    <span class="label" id="needs-label">Waits for</span>
    <ul class="chips" aria-labelledby="needs-label">
      ${needed.map((id) => html`<li key=${id} class="chip">
        <button type="button" class="link" onClick=${() => onShow(id)}>${id}</button>
        <button type="button" class="chip-close" aria-label=${`No longer wait for ${id}`}
          onClick=${() => editor.commit(cut(editor.doc.peek(), id, task.id))}>✕</button>
      </li>`)}
      ${needed.length === 0 && html`<li class="dim">nothing: it starts at once</li>`}
    </ul>
    ${others.length > 0 && html`<select aria-label="Wait for another task" value="" onChange=${(/** @type {any} */ event) => {
      const from = event.currentTarget.value;
      event.currentTarget.value = "";
      if (from) connectTasks(editor, from, task.id);
    }}><option value="">add…</option>${others.map((id) => html`<option key=${id} value=${id}>${id}</option>`)}</select>`}
    ${wrong && html`<span class="wrong">${wrong}</span>`}
  </div>`;
}

/** @param {{ value: any[] | undefined, wrong?: string, onChange: (tools: any[] | undefined) => void }} props */
function Tools({ value, wrong, onChange }) {
  const known = useRequest("/v1/tools?limit=100").data?.items ?? [];
  const chosen = new Set((value ?? []).map((tool) => (typeof tool === "string" ? tool : tool?.name)));
  const toggle = (/** @type {string} */ name, /** @type {boolean} */ on) => {
    const next = (value ?? []).filter((tool) => (typeof tool === "string" ? tool : tool?.name) !== name);
    if (on) next.push(name);
    onChange(next.length ? next : undefined);
  };
  return html`<fieldset class="tools"><legend>Tools</legend>
    ${known.map((/** @type {any} */ tool) => html`<${CheckField} key=${tool.name} checked=${chosen.has(tool.name)}
      label=${html`${tool.name}${!tool.available && html` <span class="dim" title=${tool.reason}>(not set up)</span>`}`}
      onChange=${(/** @type {boolean} */ on) => toggle(tool.name, on)} />`)}
    ${wrong && html`<span class="wrong">${wrong}</span>`}
  </fieldset>`;
}
