// The saved graphs, and a new one.
import { listAll, request } from "../api.js";
import { day } from "../format.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Empty } from "../parts/empty.js";
import { Field } from "../parts/field.js";
import { Failure } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { Skeleton } from "../parts/skeleton.js";
import { alert, done } from "../parts/toast.js";
import { go, href } from "../routes.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { runGraph } from "./builder_actions.js";

const ID = /^[a-z0-9][a-z0-9_.-]{0,99}$/;

/** @typedef {{ graph_id: string, name: string | null, description: string | null, task_count: number, revision: number,
 *   etag: string, updated_at: string }} Listed */

export default function GraphsScreen() {
  const [graphs, setGraphs] = useState(/** @type {Listed[] | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [leaving, setLeaving] = useState(/** @type {Listed | null} */ (null));
  const [starting, setStarting] = useState("");
  const load = () => listAll("/v1/graphs").then(setGraphs, setError);
  useEffect(() => {
    document.title = "Graphs · Swarm console";
    load();
  }, []);
  const start = async (/** @type {string} */ id) => {
    setStarting(id);
    if (!(await runGraph(id, crypto.randomUUID()))) setStarting("");
  };
  const remove = async (/** @type {Listed} */ graph) => {
    try {
      await request(`/v1/graphs/${encodeURIComponent(graph.graph_id)}`, { method: "DELETE", headers: { "If-Match": graph.etag } });
      done(`${graph.graph_id} deleted`);
    } catch (reason) {
      alert(reason);
    }
    setLeaving(null);
    load();
  };
  if (error && !graphs) return html`<${Failure} error=${error} retry=${() => { setError(null); load(); }} />`;
  if (!graphs) return html`<${Skeleton} />`;
  return html`<div class="graphs">
    <div class="page-head"><h1>Graphs</h1><${NewGraph} taken=${graphs.map((graph) => graph.graph_id)} /></div>
    ${graphs.length === 0
      ? html`<${Empty} title="No saved graphs yet">
          <p class="dim">A graph is a set of tasks and what each waits for: put together here once, run as often as you like.</p>
        <//>`
      : html`<${Panel} title=${`${graphs.length} saved`} flush>
        <table>
          <thead><tr><th>Graph</th><th class="number">Tasks</th><th class="number is-wide">Revision</th><th class="is-wide">Changed</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
          <tbody>${graphs.map((graph) => html`<tr key=${graph.graph_id}>
            <td><a href=${href(`/graphs/${encodeURIComponent(graph.graph_id)}`)}>${graph.graph_id}</a>
              ${(graph.name || graph.description) && html`<div class="dim truncate">${graph.name ?? graph.description}</div>`}</td>
            <td class="number">${graph.task_count || "made when run"}</td>
            <td class="number is-wide">${graph.revision}</td>
            <td class="is-wide">${day(graph.updated_at)}</td>
            <td><div class="graphs-actions">
              <${Button} busy=${starting === graph.graph_id} onClick=${() => start(graph.graph_id)}
                aria-label=${`Run ${graph.graph_id}`}>Run<//>
              <${Button} kind="danger" onClick=${() => setLeaving(graph)} aria-label=${`Delete ${graph.graph_id}`}>Delete<//>
            </div></td>
          </tr>`)}</tbody>
        </table><//>`}
    ${leaving && html`<${Dialog} title=${`Delete ${leaving.graph_id}?`} onClose=${() => setLeaving(null)} actions=${html`
      <${Button} onClick=${() => setLeaving(null)}>Keep it<//>
      <${Button} kind="danger" onClick=${() => remove(leaving)}>Delete<//>`}>
      <p>Runs that were started from it stay.</p><//>`}
  </div>`;
}

/** @param {{ taken: string[] }} props */
function NewGraph({ taken }) {
  const [open, setOpen] = useState(false);
  const [id, setId] = useState("");
  const wrong = id && !ID.test(id) ? "Lower-case letters, digits, _ . - only, a letter or digit first"
    : id === "validate" ? "This name is a path of the API"
    : taken.includes(id) ? "There is a graph of this name" : null;
  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (id && !wrong) go(href(`/graphs/${id}`, { new: 1 }));
  };
  return html`<${Button} kind="primary" onClick=${() => setOpen(true)}>New graph<//>
    ${open && html`<${Dialog} title="New graph" onClose=${() => setOpen(false)}>
      <form class="stack" onSubmit=${create}>
        <${Field} label="Name" hint="It is part of the graph's URL, such as quarterly-report." wrong=${wrong}>
          ${(/** @type {any} */ props) => html`<input type="text" ...${props} value=${id} autofocus maxlength="100" autocomplete="off"
            onInput=${(/** @type {any} */ event) => setId(event.currentTarget.value)} />`}
        <//>
        <div class="row"><button class="button is-primary" disabled=${!id || wrong !== null}>Open the builder</button></div>
      </form><//>`}`;
}
