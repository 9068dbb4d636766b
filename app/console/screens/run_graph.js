// The run's graph, folded and read-only: what is under way, what failed, and what each task waits for.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { count, counted, duration } from "../format.js";
import { Button } from "../parts/button.js";
import { Chip } from "../parts/chip.js";
import { Notice } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { setQuery } from "../routes.js";
import { ENDED, stateOf, STATES } from "../state.js";
import { ASK_ABOVE, structureOf } from "./graph_fold.js";
import { GraphCanvas } from "./graph_canvas.js";
import { countsOf } from "./graph_node.js";

const LISTED = 12;

/** @typedef {import("./graph_fold.js").Group} Group */

/** @param {{ run: any, query: Record<string, string> }} props */
export default function RunGraph({ run }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const canvas = useRef(/** @type {GraphCanvas | null} */ (null));
  const anchor = useRef(/** @type {string | undefined} */ (undefined));
  const marked = useRef(false);
  const [expanded, setExpanded] = useState(/** @type {Set<string>} */ (new Set()));
  const [flat, setFlat] = useState(false);
  const [asking, setAsking] = useState(/** @type {{ tasks: number, go: () => void } | null} */ (null));
  const [selected, setSelected] = useState(/** @type {Group | null} */ (null));
  const version = run.tasksVersion.value;
  const size = run.tasks.size;
  const shape = run.shapeVersion.value;
  const structure = useMemo(() => structureOf(run.tasks.values()), [shape]);

  const unfold = (/** @type {Group} */ group) => {
    if (group.tasks.length === 1) {
      openTask(group.label);
      return;
    }
    const shown = group.parts?.length ?? group.tasks.length;
    const go = () => {
      anchor.current = group.key;
      setExpanded((keys) => new Set(keys).add(group.key));
      setAsking(null);
    };
    if (shown > ASK_ABOVE) setAsking({ tasks: shown, go });
    else go();
  };
  const foldAgain = (/** @type {Group} */ group) => {
    anchor.current = group.parent ?? undefined;
    setExpanded((keys) => new Set([...keys].filter((key) => key !== group.parent)));
    setSelected(null);
  };
  const handlers = useRef({ unfold, foldAgain });
  handlers.current = { unfold, foldAgain };

  useEffect(() => {
    if (!host.current) return undefined;
    const made = new GraphCanvas(host.current, {
      onSelect: setSelected,
      onOpen: (group) => handlers.current.unfold(group),
      onFold: (group) => handlers.current.foldAgain(group),
      onTask: openTask,
    });
    canvas.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    canvas.current?.draw(structure, { expanded, flat }, anchor.current);
    canvas.current?.paint(shown(run));
    anchor.current = undefined;
    // For measurements: when the first picture of it is on the screen.
    if (size && !marked.current) requestAnimationFrame(() => performance.mark("graph-ready"));
    marked.current ||= size > 0;
  }, [structure, expanded, flat]);
  useEffect(() => canvas.current?.paint(shown(run)), [version, run.swarm.value?.status, run.throttled.value]);

  const nodes = canvas.current?.folded.nodes.length ?? 0;
  const unfoldAll = () => {
    const go = () => {
      setFlat(true);
      setAsking(null);
    };
    if (size > ASK_ABOVE) setAsking({ tasks: size, go });
    else go();
  };
  const foldAll = () => {
    setFlat(false);
    setExpanded(new Set());
    setSelected(null);
  };
  const folded = !flat && expanded.size === 0;
  const tools = html`<div class="graph-tools" role="toolbar" aria-label="View of the graph">
    <${Chip}>${counted(size, "task")}<//>
    <${Button} disabled=${folded} onClick=${foldAll}>Fold all<//>
    <${Button} disabled=${flat || size === nodes} onClick=${unfoldAll}>Show every task<//>
    <${Button} icon aria-label="Zoom out" onClick=${() => canvas.current?.zoom(0.8)}>−<//>
    <${Button} icon aria-label="Zoom in" onClick=${() => canvas.current?.zoom(1.25)}>+<//>
    <${Button} onClick=${() => canvas.current?.fit()}>Fit<//>
  </div>`;
  return html`<${Panel} title="Task graph" actions=${tools}>
    ${asking && html`<${Ask} ...${asking} onNo=${() => setAsking(null)} />`}
    <div class="graph-body">
      <div class="graph-host" ref=${host}>
        ${size === 0 && html`<p class="graph-none">${noTasks(run.swarm.value?.status)}</p>`}
      </div>
      <aside class="graph-details" aria-label="Selected in the graph">
        ${selected
          ? html`<${Details} run=${run} version=${version} group=${selected} structure=${structure} onUnfold=${unfold} onFold=${foldAgain} />`
          : html`<p class="dim">Tasks of the same kind that wait for the same and feed the same are one node, with a tile for
              each. A click unfolds it.</p>
            <p class="dim">Arrow keys walk the graph, Enter unfolds a node or opens a task, Escape folds again.</p>`}
        <${Legend} run=${run} version=${version} />
      </aside>
    </div>
  <//>`;
}

/** @param {any} run @returns {(id: string) => any} the row of a task in the state that it is shown in */
const shown = (run) => (id) => {
  const row = run.tasks.get(id);
  const status = row && run.shownState(row).name;
  return !row || row.status === status ? row : { ...row, status };
};

/** @param {string} taskId */
const openTask = (taskId) => setQuery({ task: taskId }, { replace: false });

/** @param {string | undefined} status */
const noTasks = (status) => (status === "planning" ? "The planner is making the tasks…" : "This run has no tasks.");

/** @param {{ tasks: number, go: () => void, onNo: () => void }} props */
function Ask({ tasks, go, onNo }) {
  const actions = html`<${Button} onClick=${go}>Draw ${count(tasks)} nodes<//><${Button} onClick=${onNo}>Keep them folded<//>`;
  return html`<${Notice} kind="warning" role="alert" actions=${actions}>
    ${count(tasks)} nodes at once are slow to draw and hard to read. Draw them all?<//>`;
}

/**
 * @param {{ run: any, version: number, group: Group, structure: any,
 *   onUnfold: (group: Group) => void, onFold: (group: Group) => void }} props
 */
function Details({ run, group, structure, onUnfold, onFold }) {
  const rows = group.tasks.map((i) => shown(run)(structure.ids[i])).filter(Boolean);
  if (!rows.length) return null;
  const one = rows.length === 1 ? rows[0] : null;
  const needed = [...new Set(group.tasks.flatMap((i) => structure.deps[i]))].map((i) => shown(run)(structure.ids[i]));
  const open = needed.filter((row) => !ENDED.has(row.status));
  const waiting = rows.filter((row) => row.status === "waiting").length;
  const feeds = new Set(group.tasks.flatMap((i) => structure.dependents[i])).size;
  return html`<h3>${one ? one.task_id : `${count(rows.length)} × ${group.label}`}</h3>
  <p>${one ? html`<${Status} row=${one} />` : [...countsOf(rows)].map(([status, n]) => html`<span class="graph-count">
      <i class=${`swatch ${stateOf(status).cssClass}`}></i>${count(n)} ${stateOf(status).label}</span>`)}</p>
    ${one?.error && html`<p class="graph-error">${one.error.message}</p>`}
    ${waiting > 0 && open.length > 0 && html`<h4>Waits for ${count(open.length)} of ${count(needed.length)}</h4>
      <${TaskList} rows=${open} />`}
    ${needed.length > 0 && open.length === 0 && html`<p class="dim">${counted(needed.length, "dependency", "dependencies")}, all ended</p>`}
    ${feeds > 0 && html`<p class="dim">${counted(feeds, "task")} wait${feeds === 1 ? "s" : ""} for ${one ? "it" : "them"}</p>`}
    ${!one && html`<h4>Tasks</h4><${TaskList} rows=${rows} />`}
    <div class="graph-actions">
      ${one
        ? html`<${Button} kind="primary" onClick=${() => openTask(one.task_id)}>Open task<//>`
        : html`<${Button} kind="primary" onClick=${() => onUnfold(group)}>Unfold<//>`}
      ${group.parent && html`<${Button} onClick=${() => onFold(group)}>Fold again<//>`}
    </div>`;
}

/** @param {{ row: any }} props */
function Status({ row }) {
  const state = stateOf(row.status);
  const tries = row.attempts > 1 ? `, attempt ${row.attempts}` : "";
  const took = row.latency_ms ? `, ${duration(row.latency_ms)}` : "";
  return html`<span class="graph-count"><i class=${`swatch ${state.cssClass}`}></i>${state.label}${tries}${took}</span>`;
}

/** @param {{ rows: any[] }} props the failed and those under way first */
function TaskList({ rows }) {
  const order = ["failed", "retrying", "running", "throttled", "queued", "paused", "waiting"];
  const place = (/** @type {any} */ row) => (order.indexOf(row.status) + order.length + 1) % (order.length + 1);
  const first = [...rows].sort((a, b) => place(a) - place(b)).slice(0, LISTED);
  return html`<ul class="graph-list">
    ${first.map((row) => html`<li key=${row.task_id}>
      <button class="link" onClick=${() => openTask(row.task_id)}>${row.task_id}</button> <${Status} row=${row} />
    </li>`)}
    ${rows.length > first.length && html`<li class="dim">and ${count(rows.length - first.length)} more</li>`}
  </ul>`;
}

/** @param {{ run: any, version: number }} props */
function Legend({ run }) {
  const counts = countsOf([...run.tasks.keys()].map(shown(run)));
  const present = Object.values(STATES).filter((state) => counts.has(state.name));
  return html`<p class="graph-legend">
    ${present.map((state) => html`<span class="graph-count" key=${state.name}>
      <i class=${`swatch ${state.cssClass}`}></i>${count(counts.get(state.name))} ${state.label} ${state.glyph}</span>`)}
  </p>`;
}
