// The builder by keyboard: everything that the mouse can do on the canvas.
import { done } from "../parts/toast.js";
import { say } from "../parts/live.js";
import { connectTasks } from "./builder_actions.js";
import { added, cut, GRID, moved, removed, tasksOf } from "./builder_document.js";
import { nearest } from "./graph_walk.js";

/** What is shown under "Keys". @type {[string, string][]} */
export const KEYS = [
  ["Arrows", "move the selected tasks by 10, with Shift by 50"],
  ["Ctrl + arrows", "select the nearest task that way"],
  ["N, P", "select the next, the previous task"],
  ["A", "add a task"],
  ["C … C", "connect: on the first task, then on the one that waits for it"],
  ["Enter", "edit the selected task, Escape comes back"],
  ["Delete", "delete what is selected"],
  ["Ctrl + A", "select all tasks"],
  ["Ctrl + Z, Ctrl + Shift + Z", "undo, redo"],
  ["Ctrl + S", "save"],
  ["+, −, F", "zoom in, out, fit"],
];

const STEP = { near: GRID, far: 5 * GRID };
const SHIFTS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {{ editor: import("./builder_editor.js").Editor, canvas: import("./builder_canvas.js").BuilderCanvas,
 *   source: import("../vendor/preact.js").Signal<string | null>, edit: () => void }} Stage
 */

/** @param {KeyboardEvent} event on the canvas @param {Stage} stage @returns {void} */
export function onCanvasKey(event, stage) {
  const { editor, canvas, source } = stage;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const ids = editor.selection.peek();
  if (key in SHIFTS && control) walk(stage, key);
  else if (key in SHIFTS) shift(editor, /** @type {keyof typeof SHIFTS} */ (key), event.shiftKey ? STEP.far : STEP.near);
  else if (control && key === "a") editor.select(tasksOf(editor.doc.peek()).map((task) => task.id));
  else if (control || event.altKey) return;
  else if (key === "n" || key === "p") step(stage, key === "n" ? 1 : -1);
  else if (key === "a") addTask(stage, {});
  else if (key === "c") connectStep(stage);
  else if (key === "Delete" || key === "Backspace") deleteSelected(editor);
  else if (key === "Enter" && ids.length === 1) stage.edit();
  else if (key === "Escape") {
    source.value = null;
    editor.select([]);
  } else if (key === "+" || key === "=") canvas.zoom(1.2);
  else if (key === "-") canvas.zoom(1 / 1.2);
  else if (key === "f") canvas.fit();
  else return;
  event.preventDefault();
}

/** @param {Stage} stage @param {Record<string, any>} fields @param {[number, number] | null} [at] */
export function addTask({ editor, canvas }, fields, at = null) {
  const { doc, id } = added(editor.doc.peek(), fields, at);
  editor.commit(doc);
  editor.select([id]);
  if (!at) canvas.reveal(id);
  say(`Added ${id}`);
}

/** @param {import("./builder_editor.js").Editor} editor */
export function deleteSelected(editor) {
  const [ids, edge] = [editor.selection.peek(), editor.edge.peek()];
  if (edge) {
    editor.commit(cut(editor.doc.peek(), edge[0], edge[1]));
    say(`${edge[1]} no longer waits for ${edge[0]}`);
  } else if (ids.length) {
    editor.commit(removed(editor.doc.peek(), ids));
    if (ids.length === 1) say(`Deleted ${ids[0]}`);
    else done(`${ids.length} tasks deleted; Ctrl+Z brings them back`);
  }
}

/** @param {import("./builder_editor.js").Editor} editor @param {keyof typeof SHIFTS} key @param {number} by */
function shift(editor, key, by) {
  const doc = editor.doc.peek();
  const [dx, dy] = SHIFTS[key];
  const places = editor.selection.peek().filter((id) => doc.layout[id]).map((id) => {
    const [x, y] = doc.layout[id];
    return [id, [x + dx * by, y + dy * by]];
  });
  if (places.length) editor.commit(moved(doc, Object.fromEntries(places)), "shift");
}

/** @param {Stage} stage @param {string} key */
function walk(stage, key) {
  const doc = stage.editor.doc.peek();
  const ids = tasksOf(doc).map((task) => task.id);
  const points = ids.map((id) => ({ x: doc.layout[id][0], y: doc.layout[id][1] }));
  const from = ids.indexOf(stage.editor.selection.peek()[0] ?? "");
  show(stage, ids[nearest(points, from, key)]);
}

/** @param {Stage} stage @param {number} by */
function step(stage, by) {
  const ids = tasksOf(stage.editor.doc.peek()).map((task) => task.id);
  const at = ids.indexOf(stage.editor.selection.peek()[0] ?? "");
  show(stage, ids[at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length]);
}

/** @param {Stage} stage @param {string | undefined} id */
function show({ editor, canvas }, id) {
  if (id === undefined) return;
  editor.select([id]);
  canvas.reveal(id);
  const task = tasksOf(editor.doc.peek()).find((one) => one.id === id);
  const waits = task?.depends_on?.length ? `, waits for ${task.depends_on.join(", ")}` : "";
  say(`${id}${task?.role ? `, ${task.role}` : ""}${waits}`);
}

/** @param {Stage} stage the first C takes the task that is waited for, the second the one that waits */
function connectStep({ editor, source }) {
  const ids = editor.selection.peek();
  if (ids.length !== 1) {
    say("Select one task first");
  } else if (source.peek() === null || source.peek() === ids[0]) {
    source.value = source.peek() === ids[0] ? null : ids[0];
    say(source.peek() ? `Connecting from ${ids[0]}: go to the task that waits for it and press C` : "Connecting ended");
  } else {
    connectTasks(editor, /** @type {string} */ (source.peek()), ids[0]);
    source.value = null;
  }
}
