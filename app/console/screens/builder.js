// The graph builder: palette, canvas, properties or JSON, and what the service says of it.
import { request } from "../api.js";
import { counted } from "../format.js";
import { key } from "../key.js";
import { Button } from "../parts/button.js";
import { Chip } from "../parts/chip.js";
import { Dialog } from "../parts/dialog.js";
import { Empty } from "../parts/empty.js";
import { say } from "../parts/live.js";
import { Failure } from "../parts/notice.js";
import { Skeleton } from "../parts/skeleton.js";
import { Switch } from "../parts/tabs.js";
import { done } from "../parts/toast.js";
import { go, href, setQuery } from "../routes.js";
import { html, useEffect, useRef, useSignal, useState } from "../vendor/preact.js";
import { runGraph, saveGraph } from "./builder_actions.js";
import { tidied, tasksOf } from "./builder_document.js";
import { createEditor } from "./builder_editor.js";
import { Properties } from "./builder_form.js";
import { JsonPane } from "./builder_json.js";
import { addTask, KEYS } from "./builder_keys.js";
import { Palette } from "./builder_palette.js";
import { Report } from "./builder_report.js";
import { Stage } from "./builder_stage.js";
import { ASK_ABOVE } from "./graph_fold.js";

/** @typedef {import("./builder_editor.js").Editor} Editor */

/**
 * What was changed and not saved when the builder was left, by graph: it is there again when one comes back.
 * @type {Map<string, { editor: Editor, key: string }>}
 */
const drafts = new Map();
addEventListener("beforeunload", (event) => {
  if (drafts.size) event.preventDefault();
});

/** @param {{ params: { id: string }, query: Record<string, string> }} props query.new: there is none of this name yet */
export default function BuilderScreen({ params, query }) {
  const [editor, setEditor] = useState(/** @type {Editor | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  const [large, setLarge] = useState(/** @type {any} */ (null));
  const isDropped = useRef(false); // what was changed is given up for what somebody else saved
  useEffect(() => {
    document.title = `${params.id} · Graph · Swarm console`;
    const stop = new AbortController();
    /** @type {Editor | null} */
    let made = null;
    const open = (/** @type {any} */ saved) => {
      if (stop.signal.aborted) return;
      made = createEditor(params.id, saved);
      setEditor(made);
    };
    const draft = drafts.get(params.id);
    drafts.delete(params.id);
    if (draft && draft.key === key.peek()) {
      made = draft.editor;
      made.check();
      setEditor(made);
    } else if (query.new) open(null);
    else {
      request(`/v1/graphs/${encodeURIComponent(params.id)}`, { signal: stop.signal }).then(
        (saved) => ((saved.tasks?.length ?? 0) > ASK_ABOVE ? setLarge({ saved, open }) : open(saved)),
        (reason) => stop.signal.aborted || setError(reason),
      );
    }
    return () => {
      stop.abort();
      made?.close();
      if (made?.isDirty.peek() && !isDropped.current) {
        drafts.set(params.id, { editor: made, key: key.peek() });
        done(`${params.id} is not saved; the changes are kept while this page is open`);
      }
      isDropped.current = false;
    };
  }, [params.id, turn]);
  const again = () => {
    isDropped.current = true;
    setEditor(null);
    setError(null);
    setTurn((n) => n + 1);
  };
  if (error?.status === 404) {
    return html`<${Empty} title="There is no such graph"><p>No graph is saved as <code>${params.id}</code>.</p>
      <div class="row"><${Button} kind="primary" onClick=${() => {
        go(href(`/graphs/${encodeURIComponent(params.id)}`, { new: 1 }), { replace: true });
        again();
      }}>Make it<//><${Button} href=${href("/graphs")}>All graphs<//></div><//>`;
  }
  if (error) return html`<${Failure} error=${error} retry=${again} />`;
  if (editor) return html`<${Builder} key=${turn} editor=${editor} reload=${again} />`;
  if (!large) return html`<${Skeleton} />`;
  const draw = () => {
    setLarge(null);
    large.open(large.saved);
  };
  return html`<${Empty} title=${counted(large.saved.tasks.length, "task")}>
    <p>So many nodes at once are slow to draw and hard to read.</p>
    <div class="row"><${Button} kind="primary" onClick=${draw}>Draw them all<//>
    <${Button} href=${href("/graphs")}>All graphs<//></div><//>`;
}

/** @param {{ editor: Editor, reload: () => void }} props */
function Builder({ editor, reload }) {
  const stage = useRef(/** @type {any} */ (null));
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const source = useSignal(/** @type {string | null} */ (null));
  const [pane, setPane] = useState("properties");
  const [dialog, setDialog] = useState(/** @type {"" | "keys" | "conflict"} */ (""));
  const [busy, setBusy] = useState("");
  const startKey = useRef("");

  const save = async (/** @type {{ overwrite?: boolean }} */ options = {}) => {
    setBusy("save");
    const outcome = await saveGraph(editor, options);
    setBusy("");
    setDialog(outcome === "conflict" ? "conflict" : "");
    if (outcome === "saved") setQuery({ new: null });
    return outcome === "saved";
  };
  const run = async () => {
    if ((editor.isDirty.peek() || editor.revision.peek() === null) && !(await save())) return;
    setBusy("run");
    startKey.current ||= crypto.randomUUID(); // pressed twice, or repeated after a lost answer, it is one run
    if (await runGraph(editor.graphId, startKey.current)) return;
    startKey.current = "";
    setBusy("");
  };
  const undo = () => say(editor.undo() ? "Undone" : "Nothing to undo");
  const redo = () => say(editor.redo() ? "Done again" : "Nothing to do again");
  const focusCanvas = () => /** @type {HTMLElement | null} */ (frame.current?.querySelector(".stage"))?.focus();
  const edit = () => {
    setPane("properties");
    const focus = () => {
      const first = /** @type {HTMLElement | null} */ (frame.current?.querySelector("[data-first]"));
      first?.focus();
      return first;
    };
    if (!focus()) requestAnimationFrame(focus); // the pane showed JSON
  };
  const show = (/** @type {string} */ id) => {
    setPane("properties");
    editor.select([id]);
    stage.current?.canvas.reveal(id);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && event.target instanceof Element && event.target.closest(".builder-side")) {
      focusCanvas();
      return;
    }
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const pressed = event.key.toLowerCase();
    const isText = event.target instanceof HTMLTextAreaElement && event.target.id === "graph-json";
    if (pressed === "s") save();
    else if (isText) return; // its own undo is finer than ours
    else if (pressed === "z" && !event.shiftKey) undo();
    else if (pressed === "y" || pressed === "z") redo();
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    const warn = (/** @type {Event} */ event) => editor.isDirty.peek() && event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);

  const isNew = editor.revision.value === null;
  const canRun = editor.report.value?.valid === true && !editor.isChecking.value;
  return html`<div class="builder" ref=${frame} onKeyDown=${onKeyDown}>
    <div class="page-head">
      <h1><a href=${href("/graphs")}>Graphs</a> / ${editor.graphId}</h1>
      <${Chip} kind=${editor.isDirty.value || isNew ? "is-retrying" : ""}>
        ${isNew ? "new, not saved" : editor.isDirty.value ? "not saved" : `saved, revision ${editor.revision.value}`}<//>
      <div class="row" role="toolbar" aria-label="Graph">
        <${Button} disabled=${!editor.canUndo.value} onClick=${undo} title="Ctrl+Z">Undo<//>
        <${Button} disabled=${!editor.canRedo.value} onClick=${redo} title="Ctrl+Shift+Z">Redo<//>
        <${Button} disabled=${tasksOf(editor.doc.value).length < 2} onClick=${() => {
          editor.commit(tidied(editor.doc.peek()));
          requestAnimationFrame(() => stage.current?.canvas.fit());
        }}>Tidy<//>
        <${Button} onClick=${() => stage.current?.canvas.fit()}>Fit<//>
        <${Button} onClick=${() => setDialog("keys")}>Keys<//>
        <${Button} busy=${busy === "save"} onClick=${() => save()} title="Ctrl+S">Save<//>
        <${Button} kind="primary" busy=${busy === "run"} disabled=${!canRun} onClick=${run}
          title=${canRun ? "Saves it and starts a run" : "The problems below come first"}>Run graph<//>
      </div>
    </div>
    <div class="builder-body">
      <${Palette} onAdd=${(/** @type {any} */ fields) => stage.current && addTask(stage.current, fields)} />
      <${Stage} editor=${editor} stage=${stage} source=${source} edit=${edit} />
      <div class="builder-side">
        <${Switch} label="Side pane" value=${pane} onChange=${setPane}
          options=${[{ value: "properties", title: "Properties" }, { value: "json", title: "JSON" }]} />
        ${pane === "json" ? html`<${JsonPane} editor=${editor} />` : html`<${Properties} editor=${editor} onShow=${show} />`}
      </div>
    </div>
    <${Report} editor=${editor} onShow=${show} />
    <p class="visually-hidden" id="stage-keys">${KEYS.map(([keys, does]) => `${keys}: ${does}`).join(". ")}</p>
    ${dialog === "keys" && html`<${Dialog} title="Keys on the canvas" onClose=${() => setDialog("")}>
      <dl class="keys">${KEYS.map(([keys, does]) => html`<div key=${keys}><dt><kbd>${keys}</kbd></dt><dd>${does}</dd></div>`)}</dl>
    <//>`}
    ${dialog === "conflict" && html`<${Dialog} title="Saved by somebody else" onClose=${() => setDialog("")} actions=${html`
      <${Button} onClick=${reload}>Take theirs<//>
      <${Button} kind="danger" onClick=${() => save({ overwrite: true })}>Overwrite it<//>`}>
      <p>This graph was saved elsewhere since it was opened here. Take theirs and lose what was changed here, or overwrite it.</p>
    <//>`}
  </div>`;
}

