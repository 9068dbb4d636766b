// What holds for the whole run of a graph.
import { html } from "../vendor/preact.js";
import { configured } from "./builder_document.js";
import { ChoiceField, NumberField, TextField } from "./form_fields.js";

const MERGES = ["none", "concat", "by_role", "synthesis", "hierarchical", "majority", "consensus", "first_past_the_post"];

/** @param {{ editor: import("./builder_editor.js").Editor, models: string[] }} props */
export function RunSettings({ editor, models }) {
  const { body } = editor.doc.value;
  const problems = /** @type {import("./builder_editor.js").Problem[]} */ (editor.report.value?.problems ?? []);
  const wrong = (/** @type {string} */ pointer) => problems.find((problem) => problem.pointer === pointer)?.detail;
  const field = (/** @type {string} */ name) => ({
    value: body[name],
    wrong: wrong(`/${name}`),
    onChange: (/** @type {any} */ value) => editor.commit(configured(editor.doc.peek(), { [name]: value }), name),
  });
  /** A field of an object that goes away with its last field. @param {string} object @param {string} name */
  const inner = (object, name) => ({
    value: body[object]?.[name],
    wrong: wrong(`/${object}/${name}`),
    onChange: (/** @type {any} */ value) => {
      const { [name]: _, ...others } = editor.doc.peek().body[object] ?? {};
      const next = value === undefined ? others : { ...others, [name]: value };
      const kept = Object.keys(next).length ? next : undefined;
      editor.commit(configured(editor.doc.peek(), { [object]: kept }), `${object} ${name}`);
    },
  });
  const merge = field("aggregate");
  const strategy = typeof body.aggregate === "object" ? body.aggregate?.strategy : body.aggregate;
  return html`<div class="stack">
    <h2>The run</h2>
    <${TextField} label="Name" maxlength="200" ...${field("name")} />
    <${TextField} label="Description" rows=${2} ...${field("description")} />
    <${ChoiceField} label="Model" none="the service's default" options=${models} ...${field("model")} />
    <div class="pair">
      <${NumberField} label="Agents at once" min="1" max="1000" placeholder="100" ...${inner("limits", "max_parallel_agents")} />
      <${NumberField} label="Budget ($)" min="0" step="any" placeholder="none" ...${inner("budget", "max_cost_usd")} />
      <${NumberField} label="Time limit (s)" min="1" placeholder="none" ...${inner("limits", "timeout_s")} />
      <${NumberField} label="Task timeout (s)" min="1" placeholder="120" ...${inner("limits", "task_timeout_s")} />
    </div>
    <${ChoiceField} label="Merge of the outputs" none="none" options=${MERGES} value=${strategy} wrong=${merge.wrong}
      onChange=${(/** @type {string | undefined} */ value) => merge.onChange(value)} />
    <${ChoiceField} label="When a task fails" none="the others go on" options=${[{ value: "fail_fast", title: "the run ends" }]}
      value=${body.on_task_failure === "continue" ? undefined : body.on_task_failure} wrong=${wrong("/on_task_failure")}
      onChange=${field("on_task_failure").onChange} />
    <${TextField} label="System prompt" rows=${3} hint="Sent to every sub-agent." ...${field("system_prompt")} />
    <${TextField} label="Shared context" rows=${3} hint="The same leading text for all: providers cache it." ...${field("shared_context")} />
  </div>`;
}
