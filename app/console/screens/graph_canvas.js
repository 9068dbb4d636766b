// The run graph as SVG: drawn once for a structure, then only repainted. Pan by drag, zoom by buttons or Ctrl + wheel.
import { fold } from "./graph_fold.js";
import { layout } from "./graph_layout.js";
import { nodeView, sizeOf, svg } from "./graph_node.js";
import { nearest } from "./graph_walk.js";
import { ENDED } from "../state.js";

const MIN_SCALE = 0.04;
const MAX_SCALE = 2.5;
const MARGIN = 20;
const DRAG_PX = 4;
const UNFOLDED_PX = 2400;

/**
 * @typedef {import("./graph_fold.js").Structure & { names: string[] }} Structure
 * @typedef {import("./graph_fold.js").Group} Group
 * @typedef {import("./graph_node.js").Row} Row
 * @typedef {{ onSelect: (group: Group | null) => void, onOpen: (group: Group) => void,
 *   onFold: (group: Group) => void, onTask: (taskId: string) => void }} Handlers
 */

export class GraphCanvas {
  /** @param {HTMLElement} host @param {Handlers} handlers */
  constructor(host, handlers) {
    this.host = host;
    this.handlers = handlers;
    this.root = svg("svg", { class: "graph-svg", role: "group", "aria-label": "Task graph. Arrow keys walk it." });
    this.stage = svg("g", {}, this.root);
    host.append(this.root);
    this.transform = { x: 0, y: 0, scale: 1 };
    /** @type {import("./graph_fold.js").Folded} */
    this.folded = { nodes: [], edges: [] };
    /** @type {import("./graph_layout.js").Layout} */
    this.places = { points: [], width: 0, height: 0 };
    /** @type {import("./graph_node.js").NodeView[]} */
    this.views = [];
    this.focused = "";
    /** @type {string[]} what each node showed last, so that only what changed is painted */
    this.shown = [];
    this.listening = new AbortController();
    this.listen();
  }

  /**
   * Draw a structure; what was selected keeps its place on the screen.
   * @param {Structure} structure @param {{ expanded: Set<string>, flat: boolean }} how @param {string} [anchor] key
   */
  draw(structure, how, anchor) {
    const before = anchor ? this.middleOf(anchor) : null;
    const hadFocus = this.root.contains(document.activeElement);
    this.structure = structure;
    this.folded = fold(structure, how);
    const sizes = this.folded.nodes.map((node) => sizeOf(node.tasks.length));
    const { width, height } = this.view();
    // What a person unfolded is panned to rather than wrapped into the view: its neighbours stay beside it.
    this.places = layout(sizes, this.folded.edges, { width, height: how.expanded.size ? Math.max(height, UNFOLDED_PX) : height });
    this.stage.replaceChildren();
    this.edges = this.folded.edges.map(([a, b]) => svg("path", { class: "gedge", d: this.curve(a, b) }, this.stage));
    this.views = this.folded.nodes.map((node, i) => {
      const view = nodeView(node);
      const { x, y } = this.places.points[i];
      view.element.setAttribute("transform", `translate(${x} ${y})`);
      view.element.dataset.at = String(i);
      this.stage.append(view.element);
      return view;
    });
    this.shown = this.views.map(() => "");
    const at = this.folded.nodes.findIndex((node) => node.key === anchor || node.parent === anchor);
    if (before && at >= 0) {
      const middle = this.middleOf(this.folded.nodes[at].key);
      if (middle) this.move(this.transform.x + before.x - middle.x, this.transform.y + before.y - middle.y);
    } else {
      this.fit();
    }
    this.rove(Math.max(0, at), hadFocus);
  }

  /** @param {(id: string) => Row | undefined} rowOf paint what changed since the last time */
  paint(rowOf) {
    const of = this.structure;
    if (!of) return;
    const rows = of.ids.map((id) => rowOf(id) ?? { task_id: id, status: "waiting" });
    this.folded.nodes.forEach((node, i) => {
      const own = node.tasks.map((t) => rows[t]);
      const waits = own.length === 1 && own[0].status === "waiting" ? waitsOf(of.deps[node.tasks[0]], rows) : null;
      const look = own.map((row) => row.status + (row.attempts ?? "")).join() + (waits ? waits.done : "");
      if (look === this.shown[i]) return;
      this.shown[i] = look;
      this.views[i].paint(own, waits);
    });
    this.folded.edges.forEach(([a], e) => {
      const done = this.folded.nodes[a].tasks.every((t) => rows[t].status === "completed");
      this.edges?.[e].setAttribute("class", done ? "gedge is-done" : "gedge");
    });
  }

  /** @param {number} a @param {number} b */
  curve(a, b) {
    const { points } = this.places;
    const from = sizeOf(this.folded.nodes[a].tasks.length);
    const to = sizeOf(this.folded.nodes[b].tasks.length);
    const [x1, y1] = [points[a].x + from.width, points[a].y + from.height / 2];
    const [x2, y2] = [points[b].x, points[b].y + to.height / 2];
    const bend = Math.max(18, Math.min(120, (x2 - x1) / 2));
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }

  view() {
    return { width: this.host.clientWidth || 800, height: this.host.clientHeight || 400 };
  }

  fit() {
    const { width, height } = this.view();
    const { places } = this;
    if (!places.width) return;
    const wanted = Math.min((width - MARGIN * 2) / places.width, (height - MARGIN * 2) / places.height);
    this.transform.scale = Math.min(1.15, Math.max(MIN_SCALE, wanted));
    const { scale } = this.transform;
    this.move((width - places.width * scale) / 2, (height - places.height * scale) / 2);
  }

  /** @param {number} factor @param {{ x: number, y: number }} [at] of the host, kept in place */
  zoom(factor, at) {
    const { width, height } = this.view();
    const middle = at ?? { x: width / 2, y: height / 2 };
    const { x, y, scale } = this.transform;
    const next = Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale * factor));
    this.transform.scale = next;
    this.move(middle.x - ((middle.x - x) * next) / scale, middle.y - ((middle.y - y) * next) / scale);
  }

  /** @param {number} x @param {number} y */
  move(x, y) {
    Object.assign(this.transform, { x, y });
    this.stage.setAttribute("transform", `translate(${x} ${y}) scale(${this.transform.scale})`);
  }

  /** @param {string} key @returns {{ x: number, y: number } | null} on the host */
  middleOf(key) {
    const at = this.folded.nodes.findIndex((node) => node.key === key);
    if (at < 0) return null;
    const { x, y, scale } = this.transform;
    const point = this.places.points[at];
    const size = sizeOf(this.folded.nodes[at].tasks.length);
    return { x: x + (point.x + size.width / 2) * scale, y: y + (point.y + size.height / 2) * scale };
  }

  /** @param {number} at make this node the one that Tab reaches @param {boolean} [focus] */
  rove(at, focus = false) {
    const view = this.views[at];
    if (!view) return;
    this.stage.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    view.element.setAttribute("tabindex", "0");
    if (!focus) return;
    view.element.focus({ preventScroll: true });
    this.reveal(at);
  }

  /** @param {number} at pan so that the node is in sight */
  reveal(at) {
    const middle = this.middleOf(this.folded.nodes[at].key);
    if (!middle) return;
    const { width, height } = this.view();
    const { x, y } = this.transform;
    const outside = middle.x < 60 || middle.y < 20 || middle.x > width - 60 || middle.y > height - 20;
    if (outside) this.move(x + width / 2 - middle.x, y + height / 2 - middle.y);
  }

  listen() {
    const { signal } = this.listening;
    this.root.addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.root.addEventListener("focusin", (event) => {
      const at = atOf(event.target);
      if (at < 0) return;
      this.rove(at);
      this.handlers.onSelect(this.folded.nodes[at]);
    }, { signal });
    this.root.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // else the page scrolls, as everywhere
      event.preventDefault();
      const box = this.root.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { signal, passive: false });
    this.listenToPointer(signal);
  }

  /** @param {AbortSignal} signal */
  listenToPointer(signal) {
    /** @type {{ id: number, x: number, y: number, left: number, top: number, moved: boolean, target: EventTarget | null } | null} */
    let drag = null;
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const { x, y } = this.transform;
      drag = { id: event.pointerId, x: event.clientX, y: event.clientY, left: x, top: y, moved: false, target: event.target };
    }, { signal });
    this.root.addEventListener("pointermove", (event) => {
      if (!drag || drag.id !== event.pointerId) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(dx, dy) < DRAG_PX) return;
      if (!drag.moved) this.root.setPointerCapture(event.pointerId);
      drag.moved = true;
      this.move(drag.left + dx, drag.top + dy);
    }, { signal });
    const end = (/** @type {PointerEvent} */ event) => {
      const was = drag;
      drag = null;
      if (event.type === "pointerup" && was && !was.moved) this.onClick(was.target);
    };
    this.root.addEventListener("pointerup", end, { signal });
    this.root.addEventListener("pointercancel", end, { signal });
  }

  /** @param {EventTarget | null} target */
  onClick(target) {
    const at = atOf(target);
    if (at < 0) {
      this.handlers.onSelect(null);
      return;
    }
    const node = this.folded.nodes[at];
    this.rove(at, true);
    const task = target instanceof SVGElement ? target.dataset.task : undefined;
    if (task) this.handlers.onTask(task);
    else if (node.tasks.length > 1) this.handlers.onOpen(node);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = atOf(event.target);
    const node = this.folded.nodes[at];
    const { key } = event;
    if (key.startsWith("Arrow") && at >= 0) this.rove(nearest(this.places.points, at, key), true);
    else if (key === "Home" || key === "End") this.rove(key === "Home" ? 0 : this.views.length - 1, true);
    else if ((key === "Enter" || key === " ") && node) this.handlers.onOpen(node);
    else if ((key === "Escape" || key === "Backspace") && node?.parent) this.handlers.onFold(node);
    else if (key === "+" || key === "=") this.zoom(1.25);
    else if (key === "-") this.zoom(0.8);
    else if (key === "0" || key === "f") this.fit();
    else return;
    event.preventDefault();
  }

  destroy() {
    this.listening.abort();
    this.root.remove();
  }
}

/** @param {EventTarget | null} target @returns {number} index of the node it is in, or -1 */
function atOf(target) {
  const node = target instanceof Element ? target.closest(".gnode") : null;
  return node instanceof SVGElement ? Number(node.dataset.at) : -1;
}

/** @param {number[]} deps @param {Row[]} rows @returns {{ done: number, of: number }} */
function waitsOf(deps, rows) {
  return { done: deps.filter((d) => ENDED.has(rows[d].status)).length, of: deps.length };
}
