// Folding of a run's tasks into few nodes. Pure: no DOM, no signals.
//
// Every step merges only tasks of the same rank (length of the longest chain of dependencies before a task) or of
// neighbouring ranks, so that what is folded has no cycle.

/**
 * @typedef {{task_id: string, status: string, type?: string|null, role?: string|null, depends_on: string[]}} TaskRow
 * @typedef {{
 *   ids: string[], index: Map<string, number>, deps: number[][], dependents: number[][], rank: number[],
 *   template: string[],
 * }} Structure what does not change while a run goes on; tasks are numbered in the order of the request
 * @typedef {{
 *   key: string, template: string, label: string, rank: number, tasks: number[],
 *   parts: Group[]|null, parent: string|null,
 * }} Group `parts`: what it splits into; null where that is its tasks. `parent`: the key of what it was split from
 * @typedef {{nodes: Group[], edges: [number, number][]}} Folded `edges` are pairs of indices of `nodes`
 */

export const MAX_NODES = 150;
export const ASK_ABOVE = 2000;

/** @param {string} id @returns {string} the id without its number or hash: `scraper_17` → `scraper` */
export function stem(id) {
  const short = id.replace(/[\s_.:#/-]*\(?(?:\d+|[0-9a-f]{6,})\)?$/i, '');
  return short || id;
}

/** @param {TaskRow} task @returns {string} what tasks of one kind share */
export function templateOf(task) {
  return task.type || task.role ? `${task.type ?? ''}\u0000${task.role ?? ''}` : `\u0000\u0000${stem(task.task_id)}`;
}

/** @param {TaskRow} task */
const nameOf = (task) => task.type || task.role || stem(task.task_id);

/**
 * @param {Iterable<TaskRow>} rows
 * @returns {Structure & {names: string[]}} O(tasks + dependencies)
 */
export function structureOf(rows) {
  const tasks = [...rows];
  const ids = tasks.map((task) => task.task_id);
  const index = new Map(ids.map((id, i) => [id, i]));
  // A dependency may be a task of an earlier run, which is not drawn.
  const deps = tasks.map((task) => [...new Set(task.depends_on)].map((id) => index.get(id) ?? -1).filter((i) => i >= 0));
  const dependents = ids.map(() => /** @type {number[]} */ ([]));
  deps.forEach((of, i) => of.forEach((d) => dependents[d].push(i)));
  return { ids, index, deps, dependents, rank: ranks(deps, dependents), template: tasks.map(templateOf), names: tasks.map(nameOf) };
}

/**
 * @param {number[][]} deps @param {number[][]} dependents
 * @returns {number[]} length of the longest chain before each
 */
export function ranks(deps, dependents) {
  const rank = deps.map(() => 0);
  const left = deps.map((of) => of.length);
  const ready = left.flatMap((n, i) => (n === 0 ? [i] : []));
  for (let at = 0; at < ready.length; at += 1) {
    const i = ready[at];
    for (const j of dependents[i]) {
      rank[j] = Math.max(rank[j], rank[i] + 1);
      left[j] -= 1;
      if (left[j] === 0) ready.push(j);
    }
  }
  return rank;
}

/**
 * @param {Structure & {names: string[]}} of
 * @param {{limit?: number, expanded?: Set<string>, flat?: boolean}} [options] `expanded`: keys of split groups
 * @returns {Folded}
 */
export function fold(of, { limit = MAX_NODES, expanded = new Set(), flat = false } = {}) {
  const single = (/** @type {number} */ i, /** @type {string|null} */ parent) => ({
    key: `t:${of.ids[i]}`, template: of.template[i], label: of.ids[i], rank: of.rank[i], tasks: [i], parts: null, parent,
  });
  /** @type {Group[]} */
  const nodes = [];
  const put = (/** @type {Group} */ group, /** @type {string|null} */ parent) => {
    if (group.tasks.length === 1) nodes.push(single(group.tasks[0], parent));
    else if (!expanded.has(group.key)) nodes.push({ ...group, parent });
    else if (group.parts) group.parts.forEach((part) => put(part, group.key));
    else group.tasks.forEach((i) => nodes.push(single(i, group.key)));
  };
  if (flat) of.ids.forEach((_, i) => nodes.push(single(i, null)));
  else coarsen(of, exact(of), limit).forEach((group) => put(group, null));
  return { nodes, edges: edgesOf(of, nodes) };
}

/** @param {Structure & {names: string[]}} of @returns {Group[]} same template, dependencies and dependents */
function exact(of) {
  const setKey = (/** @type {number[]} */ set) => [...set].sort((a, b) => a - b).join();
  return merged(of, of.ids.map((_, i) => i), (i) => `${of.template[i]}|${setKey(of.deps[i])}|${setKey(of.dependents[i])}`);
}

/** @param {Structure & {names: string[]}} of @param {number[]} tasks @param {(i: number) => string} keyOf @returns {Group[]} */
function merged(of, tasks, keyOf) {
  /** @type {Map<string, number[]>} */
  const by = new Map();
  for (const i of tasks) push(by, keyOf(i), i);
  return [...by.values()].map((of_) => ({
    key: `0:${of.ids[of_[0]]}`, template: of.template[of_[0]], label: of.names[of_[0]], rank: of.rank[of_[0]],
    tasks: of_, parts: null, parent: null,
  }));
}

/**
 * Merge groups of one template and rank, the largest classes first, until there are few enough: first those that feed
 * the same groups, then those that are fed by the same, then whole classes; then whole ranks, and at last ranks in a row.
 *
 * @param {Structure & {names: string[]}} of @param {Group[]} groups @param {number} limit @returns {Group[]}
 */
function coarsen(of, groups, limit) {
  const passes = [
    () => setsOf(of, groups, of.dependents),
    () => setsOf(of, groups, of.deps),
    () => () => "all",
  ];
  let level = 1;
  for (let pass = 0; pass < passes.length && groups.length > limit; ) {
    const before = groups.length;
    groups = sweep(groups, passes[pass](), limit, level);
    level += 1;
    pass = groups.length < before ? 0 : pass + 1; // what was merged may be fed, or feed, alike now
  }
  groups = sweep(groups, () => "all", limit, level, (g) => String(g.rank), "tasks");
  if (groups.length <= limit) return groups;
  const span = Math.ceil((Math.max(...groups.map((g) => g.rank)) + 1) / limit);
  const runs = classesOf(groups, (g) => String(Math.floor(g.rank / span)));
  return replaced(groups, [...runs.values()], level + 1, "tasks in a row");
}

/**
 * Merge within classes by a key, where that makes them smaller by a third, until there are few enough groups.
 * @param {Group[]} groups @param {(group: Group) => string} keyOf @param {number} limit @param {number} level
 * @param {(group: Group) => string} [classOf] @param {string} [label] of what is merged, where their own differ
 */
function sweep(groups, keyOf, limit, level, classOf = (g) => `${g.rank}|${g.template}`, label = undefined) {
  const classes = [...classesOf(groups, classOf).values()].filter((members) => members.length > 1);
  let left = groups.length;
  /** @type {Group[][]} */
  const bundles = [];
  for (const members of classes.sort(bySize)) {
    if (left <= limit) break;
    const parts = classesOf(members, (g) => keyOf(g) || g.key);
    if (parts.size > members.length * 0.7) continue;
    left -= members.length - parts.size;
    bundles.push(...parts.values());
  }
  return bundles.length ? replaced(groups, bundles, level, label) : groups;
}

/** @param {Group[]} a @param {Group[]} b */
const bySize = (a, b) => b.length - a.length;

/** @template T @param {T[]} items @param {(item: T) => string} keyOf @returns {Map<string, T[]>} */
function classesOf(items, keyOf) {
  /** @type {Map<string, T[]>} */
  const by = new Map();
  for (const item of items) push(by, keyOf(item), item);
  return by;
}

/** @template T @param {Map<string, T[]>} by @param {string} key @param {T} item */
function push(by, key, item) {
  const list = by.get(key);
  if (list) list.push(item);
  else by.set(key, [item]);
}

/**
 * @param {Structure} of @param {Group[]} groups @param {number[][]} neighbours
 * @returns {(group: Group) => string} the set of the groups that its tasks' neighbours are in; "" for none
 */
function setsOf(of, groups, neighbours) {
  const groupOf = membership(of, groups);
  return (group) => [...new Set(group.tasks.flatMap((i) => neighbours[i].map((j) => groupOf[j])))].sort((a, b) => a - b).join();
}

/** @param {Group[]} groups @param {Group[][]} bundles @param {number} level @param {string} [label] @returns {Group[]} */
function replaced(groups, bundles, level, label) {
  /** @type {Map<Group, Group>} */
  const into = new Map();
  for (const parts of bundles) {
    if (parts.length < 2) continue;
    const labels = new Set(parts.map((part) => part.label));
    const whole = {
      key: `${level}:${parts[0].key}`, template: parts[0].template, rank: parts[0].rank, parts, parent: null,
      label: labels.size === 1 ? parts[0].label : label ?? parts[0].label,
      tasks: parts.flatMap((part) => part.tasks),
    };
    parts.forEach((part) => into.set(part, whole));
  }
  return [...new Set(groups.map((group) => into.get(group) ?? group))];
}

/** @param {Structure} of @param {Group[]} groups @returns {Int32Array} index of each task's group */
function membership(of, groups) {
  const groupOf = new Int32Array(of.ids.length);
  groups.forEach((group, g) => group.tasks.forEach((i) => { groupOf[i] = g; }));
  return groupOf;
}

/** @param {Structure} of @param {Group[]} nodes @returns {[number, number][]} each once */
function edgesOf(of, nodes) {
  const groupOf = membership(of, nodes);
  const seen = new Set();
  /** @type {[number, number][]} */
  const edges = [];
  of.deps.forEach((deps, i) => deps.forEach((d) => {
    const pair = groupOf[d] * nodes.length + groupOf[i];
    if (groupOf[d] === groupOf[i] || seen.has(pair)) return;
    seen.add(pair);
    edges.push([groupOf[d], groupOf[i]]);
  }));
  return edges;
}
