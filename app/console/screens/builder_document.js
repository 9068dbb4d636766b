// A graph that is edited: what POST /v1/swarms takes, and where its nodes stand. Pure; each change gives a new document.
import { layout } from "./graph_layout.js";

/**
 * @typedef {{ id: string, depends_on?: string[], [field: string]: any }} Task
 * @typedef {[number, number]} Place of a node's upper left corner
 * @typedef {{ body: Record<string, any>, layout: Record<string, Place> }} Doc
 */

export const NODE = { width: 172, height: 44 };
export const GRID = 10;

const OWN = ["graph_id", "revision", "created_at", "updated_at", "layout"];

/** A dependency that would make a task wait for itself. */
export class CycleFound extends Error {
  /** @param {string[]} path its tasks, the first one repeated at the end */
  constructor(path) {
    super(`That would be a cycle: ${path.join(" → ")}. A task cannot wait for itself.`);
    this.name = "CycleFound";
    this.path = path;
  }
}

/** @param {Record<string, any> | null} saved what GET /v1/graphs/{id} answers; null for a new graph @returns {Doc} */
export function opened(saved) {
  if (!saved) return { body: { tasks: [] }, layout: {} };
  const body = Object.fromEntries(Object.entries(saved).filter(([name, value]) => !OWN.includes(name) && value !== null));
  return withPlaces({ body: named(body), layout: placesOf(saved.layout) });
}

/** @param {any} saved whatever an editor kept @returns {Record<string, Place>} */
function placesOf(saved) {
  const pairs = saved && typeof saved === "object" ? Object.entries(saved) : [];
  const isPlace = (/** @type {any} */ at) => Array.isArray(at) && at.length === 2 && at.every(Number.isFinite);
  return Object.fromEntries(pairs.filter(([, at]) => isPlace(at)));
}

/** @param {Record<string, any>} body @returns {Record<string, any>} every task has an `id`, as the service would name it */
function named(body) {
  if (!Array.isArray(body.tasks)) return body;
  const tasks = body.tasks.map((task, i) => {
    const { task_id: other, ...fields } = task ?? {};
    return { ...fields, id: fields.id ?? other ?? `task_${i}` };
  });
  return { ...body, tasks };
}

/** @param {Doc} doc @returns {Task[]} none where a planner or a decomposition makes them */
export const tasksOf = (doc) => (Array.isArray(doc.body.tasks) ? doc.body.tasks : []);

/** @param {Doc} doc @param {string} id */
export const taskOf = (doc, id) => tasksOf(doc).find((task) => task.id === id);

/** @param {Doc} doc @returns {[string, string][]} dependency, dependent; only those between its own tasks, each once */
export function edgesOf(doc) {
  const ids = new Set(tasksOf(doc).map((task) => task.id));
  return tasksOf(doc).flatMap((task) =>
    [...new Set(task.depends_on ?? [])].filter((id) => ids.has(id)).map((id) => /** @type {[string, string]} */ ([id, task.id])));
}

/** @param {Doc} doc @param {(tasks: Task[]) => Task[]} change @returns {Doc} */
const withTasks = (doc, change) => ({ ...doc, body: { ...doc.body, tasks: change(tasksOf(doc)) } });

/**
 * @param {Doc} doc @param {Record<string, any>} fields `id` is what it should be called, made unique
 * @param {Place | null} at null finds a free place
 * @returns {{ doc: Doc, id: string }}
 */
export function added(doc, fields, at) {
  const taken = new Set(tasksOf(doc).map((task) => task.id));
  const stem = fields.id || "task";
  let id = stem;
  for (let n = 2; taken.has(id); n += 1) id = `${stem}_${n}`;
  const place = snapped(at ?? freePlace(doc));
  const next = withTasks(doc, (tasks) => [...tasks, { ...fields, id }]);
  return { id, doc: { ...next, layout: { ...next.layout, [id]: place } } };
}

/** @param {Place} at @returns {Place} */
const snapped = ([x, y]) => [Math.round(x / GRID) * GRID, Math.round(y / GRID) * GRID];

/** @param {Doc} doc @returns {Place} below the lowest node, at the left of all */
function freePlace(doc) {
  const places = Object.values(doc.layout);
  if (!places.length) return [0, 0];
  return [Math.min(...places.map(([x]) => x)), Math.max(...places.map(([, y]) => y)) + NODE.height + 2 * GRID];
}

/** @param {Doc} doc @param {Iterable<string>} ids @returns {Doc} without these tasks and what names them */
export function removed(doc, ids) {
  const gone = new Set(ids);
  const next = withTasks(doc, (tasks) => tasks.filter((task) => !gone.has(task.id)).map((task) => without(task, gone)));
  return { ...next, layout: Object.fromEntries(Object.entries(doc.layout).filter(([id]) => !gone.has(id))) };
}

/** @param {Task} task @param {Set<string>} gone @returns {Task} */
function without(task, gone) {
  if (!task.depends_on?.some((id) => gone.has(id))) return task;
  return { ...task, depends_on: task.depends_on.filter((id) => !gone.has(id)) };
}

/**
 * @param {Doc} doc @param {string} from @param {string} to waits for `from`
 * @returns {Doc} the same one where it waits already
 * @throws {CycleFound}
 */
export function connected(doc, from, to) {
  const path = pathBetween(doc, to, from);
  if (path) throw new CycleFound([...path, to]);
  if (taskOf(doc, to)?.depends_on?.includes(from)) return doc;
  return changed(doc, to, { depends_on: [...(taskOf(doc, to)?.depends_on ?? []), from] });
}

/** @param {Doc} doc @param {string} from @param {string} to @returns {Doc} */
export const cut = (doc, from, to) => withTasks(doc, (tasks) =>
  tasks.map((task) => (task.id === to ? without(task, new Set([from])) : task)));

/** @param {Doc} doc @param {string} from @param {string} to @returns {string[] | null} along dependencies, both ends in it */
export function pathBetween(doc, from, to) {
  /** @type {Map<string, string[]>} */
  const after = new Map();
  for (const [a, b] of edgesOf(doc)) after.set(a, [...(after.get(a) ?? []), b]);
  const cameFrom = new Map([[from, ""]]);
  const open = [from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === to) {
      const path = [];
      for (let at = to; at; at = cameFrom.get(at) ?? "") path.unshift(at);
      return path;
    }
    for (const next of after.get(id) ?? []) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, id);
      open.push(next);
    }
  }
  return null;
}

/** @param {Doc} doc @param {string} id @param {Record<string, any>} fields undefined takes one away @returns {Doc} */
export const changed = (doc, id, fields) => withTasks(doc, (tasks) =>
  tasks.map((task) => (task.id === id ? /** @type {Task} */ (merged(task, fields)) : task)));

/** @param {Doc} doc @param {Record<string, any>} fields of the run itself @returns {Doc} */
export const configured = (doc, fields) => ({ ...doc, body: merged(doc.body, fields) });

/** @param {Record<string, any>} object @param {Record<string, any>} fields */
function merged(object, fields) {
  return Object.fromEntries(Object.entries({ ...object, ...fields }).filter(([, value]) => value !== undefined));
}

/** @param {Doc} doc @param {string} id @param {string} next free and not empty @returns {Doc} */
export function renamed(doc, id, next) {
  const { [id]: place, ...others } = doc.layout;
  const body = withTasks(doc, (tasks) => tasks.map((task) => ({
    ...task,
    id: task.id === id ? next : task.id,
    ...(task.depends_on?.includes(id) ? { depends_on: task.depends_on.map((one) => (one === id ? next : one)) } : {}),
  }))).body;
  return { body, layout: place ? { ...others, [next]: place } : others };
}

/** @param {Doc} doc @param {Record<string, Place>} places @returns {Doc} */
export function moved(doc, places) {
  const snappedPlaces = Object.fromEntries(Object.entries(places).map(([id, at]) => [id, snapped(at)]));
  return { ...doc, layout: { ...doc.layout, ...snappedPlaces } };
}

/** @param {Doc} doc @param {Record<string, any>} body as it was typed @returns {Doc} nodes keep their places by id */
export const rewritten = (doc, body) => withPlaces({ body: named(body), layout: doc.layout });

/** @param {Doc} doc @returns {Doc} every node has a place: all are laid out anew where most have none */
function withPlaces(doc) {
  const missing = tasksOf(doc).filter((task) => !doc.layout[task.id]);
  if (!missing.length) return doc;
  if (missing.length * 2 > tasksOf(doc).length) return tidied(doc);
  return missing.reduce((at, task) => ({ ...at, layout: { ...at.layout, [task.id]: freePlace(at) } }), doc);
}

/** @param {Doc} doc @returns {Doc} laid out in layers */
export function tidied(doc) {
  const ids = [...new Set(tasksOf(doc).map((task) => task.id))];
  const at = new Map(ids.map((id, i) => [id, i]));
  const edges = edgesOf(doc).map(([a, b]) => /** @type {[number, number]} */ ([at.get(a), at.get(b)]));
  const { points } = layout(ids.map(() => NODE), edges, { width: 1000, height: 640 });
  return { ...doc, layout: Object.fromEntries(ids.map((id, i) => [id, snapped([points[i].x, points[i].y])])) };
}

/** @param {Doc} doc @returns {Record<string, any>} what PUT /v1/graphs/{id} takes */
export const savedForm = (doc) => ({ ...doc.body, layout: doc.layout });
