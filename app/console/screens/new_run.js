// A run without a graph: a goal in plain words, a table, or files; what it would cost is told before it starts.
import { request } from "../api.js";
import { Button } from "../parts/button.js";
import { useRequest } from "../parts/loading.js";
import { Failure } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { Switch } from "../parts/tabs.js";
import { go, href } from "../routes.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Forecast } from "./forecast.js";
import { ChoiceField, NumberField, TextField } from "./form_fields.js";
import { bodyOf, sorted } from "./new_run_body.js";
import { FileField, useUploads } from "./new_run_files.js";

const CHECK_AFTER_MS = 400;
const MERGES = ["none", "concat", "synthesis", "hierarchical", "by_role", "majority", "consensus"];
const KINDS = [
  { value: "goal", title: "A goal" },
  { value: "rows", title: "A table" },
  { value: "files", title: "Files" },
];
const ABOUT = {
  goal: "A planner splits the goal into sub-tasks, sub-agents work on them in parallel, and the results are merged.",
  rows: "The rows of a table are shared out in even chunks, one sub-agent each.",
  files: "One sub-agent reads each file; long files are split.",
};

/** @typedef {import("./new_run_body.js").Form} Form */

export default function NewRunScreen() {
  const [form, setForm] = useState(/** @type {Form} */ ({ kind: "goal" }));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const uploads = useUploads();
  const models = useRequest("/v1/models");
  const element = useRef(/** @type {HTMLFormElement | null} */ (null));
  const startKey = useRef({ body: "", key: "" });
  useEffect(() => {
    document.title = "New run · Swarm console";
  }, []);

  const uploading = uploads.files.some((file) => file.id === null && file.error === null);
  const body = bodyOf(form, uploads.files.flatMap((file) => (file.id === null ? [] : [file.id])));
  const checked = useReport(body);
  const found = sorted(failure?.errors ?? checked.report?.problems ?? []);
  const set = (/** @type {Partial<Form>} */ fields) => {
    setFailure(null);
    setForm((before) => ({ ...before, ...fields }));
  };
  const choose = (/** @type {Form["kind"]} */ kind) => {
    if (kind === "rows" || form.kind === "rows") uploads.clear(); // a table is no document
    set({ kind });
  };
  /** @param {keyof Form} name */
  const field = (name) => ({
    value: form[name],
    wrong: found.fields[name],
    onChange: (/** @type {any} */ value) => set({ [name]: value }),
  });

  const start = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!body || busy || uploading) return;
    setBusy(true);
    const text = JSON.stringify(body);
    // Pressed twice, or again after a lost answer, the same form is the same run.
    if (startKey.current.body !== text) startKey.current = { body: text, key: crypto.randomUUID() };
    try {
      const headers = { "Idempotency-Key": startKey.current.key };
      const run = await request("/v1/swarms", { method: "POST", body, headers });
      go(href(`/runs/${encodeURIComponent(run.swarm_id)}`));
    } catch (error) {
      setFailure(error);
      setBusy(false);
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (element.current?.querySelector("[aria-invalid=true]"))?.focus());
    }
  };

  const names = (models.data?.data ?? []).map((/** @type {any} */ model) => model.id)
    .filter((/** @type {string} */ id) => !id.startsWith("swarm/"));
  const told = failure && (found.others.length > 0 || Object.keys(found.fields).length === 0);
  return html`<div class="page-head"><h1>New run</h1></div>
    <form class="new-run" ref=${element} onSubmit=${start} novalidate>
      <div class="stack">
        ${told && html`<${Failure} error=${failure} />`}
        <${Panel} title="What is to be done">
          <div class="stack">
            <div class="row">
              <${Switch} label="Kind of work" value=${form.kind} options=${KINDS} onChange=${choose} />
              <p class="dim">${ABOUT[form.kind]}</p>
            </div>
            ${form.kind === "goal" && html`
              <${TextField} label="Goal" rows=${6} hint="In plain words, as to a colleague." ...${field("goal")} />
              <${FileField} label="Attachments" hint="Files that the goal is about; or drop them here." uploads=${uploads} wrong=${found.fields.files} />
              <${ChoiceField} label="Planner" none="supervisor: plans once" ...${field("planner")}
                options=${[{ value: "orchestrator", title: "orchestrator: assigns work turn by turn" }]} />`}
            ${form.kind === "rows" && html`
              <${FileField} label="Table" one accept=".csv,.tsv,.json,.jsonl,.ndjson" uploads=${uploads} wrong=${found.fields.files}
                hint="CSV, TSV, JSON or JSON lines; or drop it here." />
              <${TextField} label="What to do with each chunk of rows" rows=${4} ...${field("prompt")} />
              <${NumberField} label="Chunks" min="1" placeholder="one a row, 100 at most" ...${field("numAgents")} />`}
            ${form.kind === "files" && html`
              <${FileField} label="Files" uploads=${uploads} wrong=${found.fields.files}
                hint="Text, HTML, PDF, Word, Excel, …; or drop them here." />
              <${TextField} label="What to do with each file" rows=${4} ...${field("prompt")} />`}
          </div>
        <//>
        <${Panel} title="How">
          <div class="stack">
            <div class="pair">
              <${ChoiceField} label="Model" none="the service's default" options=${names} ...${field("model")} />
              <${NumberField} label="Agents at once" min="1" max="1000" placeholder="100" ...${field("agents")} />
              <${NumberField} label="Budget ($)" min="0" step="any" placeholder="none" ...${field("budget")} />
              <${ChoiceField} label="Once it is used up" none="pause, and ask" ...${field("onExceeded")}
                options=${[{ value: "fail", title: "end the run" }]} />
              <${ChoiceField} label="Merge of the outputs" none=${form.kind === "goal" ? "synthesis by a model" : "concat"}
                options=${MERGES} ...${field("aggregate")} />
              <${TextField} label="Name" maxlength="200" placeholder="none" ...${field("name")} />
            </div>
          </div>
        <//>
      </div>
      <div class="stack new-run-side">
        <${Panel} title="Forecast">
          <div class="stack" aria-busy=${checked.busy}><${Outlook} isEmpty=${!body} checked=${checked} /></div>
        <//>
        <button class="button is-primary new-run-start" disabled=${!body || uploading || busy} aria-busy=${busy}>
          ${uploading ? "Uploading…" : "Start the run"}
        </button>
        ${body && html`<details class="new-run-request"><summary>The same as a request</summary>
          <pre>${`POST /v1/swarms\n\n${JSON.stringify(body, null, 2)}`}</pre></details>`}
      </div>
    </form>`;
}

/**
 * What the service says of a run of this body, asked for when the form rests: the answer of POST /v1/graphs/validate,
 * which has the forecast of POST /v1/swarms/simulate, and what is wrong without being an error itself.
 * @param {Record<string, any> | null} body
 * @returns {{ report: any, error: any, busy: boolean }}
 */
function useReport(body) {
  const [state, setState] = useState({ report: /** @type {any} */ (null), error: /** @type {any} */ (null), busy: false });
  const text = body ? JSON.stringify(body) : "";
  useEffect(() => {
    if (!text) {
      setState({ report: null, error: null, busy: false });
      return undefined;
    }
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      setState((before) => ({ ...before, busy: true }));
      try {
        const report = await request("/v1/graphs/validate", { method: "POST", body: JSON.parse(text), signal: stop.signal });
        setState({ report, error: null, busy: false });
      } catch (error) {
        if (!stop.signal.aborted) setState({ report: null, error, busy: false });
      }
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return state;
}

/** @param {{ isEmpty: boolean, checked: ReturnType<typeof useReport> }} props */
function Outlook({ isEmpty, checked: { report, error } }) {
  if (isEmpty) return html`<p class="dim">Cost and duration, once there is something to do.</p>`;
  if (error) return html`<p class="wrong">${error.message}</p>`;
  if (!report) return html`<p class="dim">…</p>`;
  const { others } = sorted(report.problems);
  return html`${report.prediction ? html`<${Forecast} prediction=${report.prediction} />`
      : html`<p class="dim">Once what is wrong in the form is put right.</p>`}
    ${others.map((problem) => html`<p class="wrong" key=${problem.pointer}>${problem.detail}</p>`)}
    ${report.warnings.map((/** @type {string} */ text) => html`<p key=${text}><span class="amber" aria-hidden="true">!</span> ${text}</p>`)}`;
}
