// The canvas on the page: drawn from the editor's state, taking mouse, keyboard and what is dropped from the palette.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { connectTasks } from "./builder_actions.js";
import { BuilderCanvas } from "./builder_canvas.js";
import { moved, tasksOf } from "./builder_document.js";
import { addTask, onCanvasKey } from "./builder_keys.js";
import { wrongTasks } from "./builder_report.js";

export const DRAGGED = "application/x-swarm-task";

/**
 * @param {{ editor: import("./builder_editor.js").Editor, stage: { current: any },
 *   source: import("../vendor/preact.js").Signal<string | null>, edit: () => void }} props
 *   stage: set to what the toolbar and the palette act on
 */
export function Stage({ editor, stage, source, edit }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const canvas = useRef(/** @type {BuilderCanvas | null} */ (null));
  const doc = editor.doc.value;
  const report = editor.report.value;
  const marks = {
    selected: new Set(editor.selection.value),
    edge: editor.edge.value,
    wrong: wrongTasks(report, doc),
    critical: new Set(tasksOf(doc).length > 2 ? report?.prediction?.critical_path ?? [] : []),
    source: source.value,
  };

  useEffect(() => {
    const made = new BuilderCanvas(/** @type {HTMLElement} */ (host.current), {
      onSelect: editor.select,
      onEdge: editor.selectEdge,
      onMove: (places) => editor.commit(moved(editor.doc.peek(), places)),
      onConnect: (from, to) => connectTasks(editor, from, to),
    }, tasksOf(editor.doc.peek()).length);
    canvas.current = made;
    stage.current = { editor, canvas: made, source, edit };
    made.sync(editor.doc.peek(), marks);
    made.fit({ legible: true });
    return () => made.destroy();
  }, []);
  useEffect(() => canvas.current?.sync(doc, marks));

  const onDrop = (/** @type {DragEvent} */ event) => {
    const dragged = event.dataTransfer?.getData(DRAGGED);
    if (!dragged || !canvas.current) return;
    event.preventDefault();
    addTask(stage.current, JSON.parse(dragged), canvas.current.placeAt(event.clientX, event.clientY));
    host.current?.focus({ preventScroll: true });
  };
  const onDragOver = (/** @type {DragEvent} */ event) => {
    if (event.dataTransfer?.types.includes(DRAGGED)) event.preventDefault();
  };
  const onFocus = () => {
    const first = tasksOf(editor.doc.peek())[0];
    if (first && !editor.selection.peek().length && !editor.edge.peek()) editor.select([first.id]);
  };
  return html`<div class="stage-frame">
    <div
      class="stage"
      ref=${host}
      tabindex="0"
      role="application"
      aria-label=${`Canvas of the graph, ${tasksOf(doc).length} tasks. ${inWords(editor)}`}
      aria-describedby="stage-keys"
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => stage.current && onCanvasKey(event, stage.current)}
      onKeyUp=${(/** @type {KeyboardEvent} */ event) => event.key === "Tab" && onFocus()}
      onDrop=${onDrop}
      onDragOver=${onDragOver}
    ></div>
    ${tasksOf(doc).length === 0 && html`<p class="stage-none">${Array.isArray(doc.body.tasks)
      ? "Drag a task here from the palette, or press A."
      : "The tasks of this graph are made when it runs, from its goal or data: see JSON."}</p>`}
    ${source.value && html`<p class="stage-hint" role="status">Connecting from <b>${source.value}</b>: select the task that
      waits for it and press C; Escape ends it.</p>`}
  </div>`;
}

/** @param {import("./builder_editor.js").Editor} editor */
function inWords(editor) {
  const ids = editor.selection.value;
  if (ids.length === 1) return `${ids[0]} is selected.`;
  return ids.length ? `${ids.length} tasks are selected.` : "Nothing is selected.";
}
