// The builder's canvas: AntV X6 draws and takes the mouse; the document stays the only truth, and is drawn by difference.
import { Graph, Selection } from "../vendor/x6.js";
import { GRID, NODE, edgesOf, tasksOf } from "./builder_document.js";

const VIRTUAL_ABOVE = 300;
const MARGIN = 32;
const MIN_SCALE = 0.05;
const LEGIBLE_SCALE = 0.45;
const LABEL_CHARS = 23;
const CURVE = { name: "smooth", args: { direction: "H" } };

/**
 * @typedef {import("./builder_document.js").Doc} Doc
 * @typedef {import("./builder_document.js").Place} Place
 * @typedef {{ selected: Set<string>, edge: [string, string] | null, wrong: Set<string>, critical: Set<string>,
 *   source: string | null }} Marks `source`: of a dependency that is being drawn by keyboard
 * @typedef {{ onSelect: (ids: string[]) => void, onEdge: (ends: [string, string]) => void,
 *   onMove: (places: Record<string, Place>) => void, onConnect: (from: string, to: string) => void }} Handlers
 */

Graph.registerNode("swarm-task", {
  inherit: "rect",
  width: NODE.width,
  height: NODE.height,
  markup: [
    { tagName: "rect", selector: "body" },
    { tagName: "rect", selector: "side" },
    { tagName: "text", selector: "label" },
    { tagName: "text", selector: "about" },
  ],
  attrs: {
    body: { refWidth: "100%", refHeight: "100%", rx: 6, ry: 6, class: "bnode-box" },
    side: { width: 4, refHeight: "100%", rx: 2, ry: 2, class: "bnode-side" },
    label: { refX: 14, refY: 18, textAnchor: "start", textVerticalAnchor: "middle", class: "bnode-label" },
    about: { refX: 14, refY: 33, textAnchor: "start", textVerticalAnchor: "middle", class: "bnode-about" },
  },
  ports: {
    groups: {
      in: { position: "left", attrs: { circle: { r: 6, magnet: "passive", class: "bport is-in" } } },
      out: { position: "right", attrs: { circle: { r: 6, magnet: true, class: "bport is-out" } } },
    },
    items: [{ id: "in", group: "in" }, { id: "out", group: "out" }],
  },
}, true);

export class BuilderCanvas {
  /** @param {HTMLElement} host @param {Handlers} handlers @param {number} tasks about how many there will be */
  constructor(host, handlers, tasks) {
    this.handlers = handlers;
    this.isSyncing = false;
    /** @type {Map<string, string>} what each cell was drawn as */
    this.drawn = new Map();
    this.graph = new Graph({
      container: host,
      autoResize: true,
      grid: { size: GRID },
      panning: { enabled: true, eventTypes: ["leftMouseDown", "mouseWheelDown"] },
      mousewheel: { enabled: true, modifiers: ["ctrl", "meta"], minScale: MIN_SCALE, maxScale: 2.5, factor: 1.1 },
      // Off the screen nothing is drawn; below that number drawing all is as quick, and panning smoother.
      virtual: tasks > VIRTUAL_ABOVE,
      connecting: {
        snap: { radius: 28 },
        allowBlank: false, allowLoop: false, allowEdge: false, allowNode: false, allowMulti: false,
        highlight: true,
        anchor: "center", connectionPoint: "anchor",
        connector: CURVE,
        createEdge: () => this.graph.createEdge({ shape: "edge", attrs: lineOf("bedge is-drawn") }),
        validateConnection: ({ targetMagnet }) => targetMagnet?.getAttribute("port-group") === "in",
      },
      highlighting: {
        magnetAvailable: { name: "className", args: { className: "is-available" } },
        magnetAdsorbed: { name: "className", args: { className: "is-near" } },
      },
    });
    this.selection = new Selection({
      enabled: true, multiple: true, rubberband: true, movable: true, modifiers: ["shift"],
      multipleSelectionModifiers: ["ctrl", "meta", "shift"],
      showNodeSelectionBox: false, showEdgeSelectionBox: false, filter: (cell) => cell.isNode(),
    });
    this.graph.use(this.selection);
    this.listen();
  }

  listen() {
    const { graph, handlers } = this;
    graph.on("selection:changed", ({ selected }) => {
      if (!this.isSyncing) handlers.onSelect(selected.map((cell) => cell.id));
    });
    graph.on("blank:click", () => handlers.onSelect([]));
    graph.on("edge:click", ({ edge }) => handlers.onEdge([edge.getSourceCellId(), edge.getTargetCellId()]));
    graph.on("node:moved", ({ node }) => {
      const with_ = this.selection.getSelectedCells().some((cell) => cell.id === node.id);
      const nodes = with_ ? this.selection.getSelectedCells() : [node];
      handlers.onMove(Object.fromEntries(nodes.map((one) => [one.id, [one.getPosition().x, one.getPosition().y]])));
    });
    graph.on("edge:connected", ({ edge, isNew }) => {
      if (!isNew) return;
      const [from, to] = [edge.getSourceCellId(), edge.getTargetCellId()];
      graph.removeCell(edge); // it comes back with the document, if that takes it
      handlers.onConnect(from, to);
    });
  }

  /** @param {Doc} doc @param {Marks} marks draw what differs from the last time */
  sync(doc, marks) {
    this.isSyncing = true;
    this.graph.batchUpdate(() => {
      const gone = new Set(this.drawn.keys());
      for (const task of tasksOf(doc)) {
        gone.delete(task.id);
        this.syncNode(task, doc.layout[task.id] ?? [0, 0], marks);
      }
      for (const [from, to] of edgesOf(doc)) {
        const id = edgeId(from, to);
        gone.delete(id);
        this.syncEdge(id, from, to, marks);
      }
      for (const id of gone) {
        this.drawn.delete(id);
        this.graph.removeCell(id);
      }
    });
    const now = this.selection.getSelectedCells().map((cell) => cell.id);
    if (now.length !== marks.selected.size || now.some((id) => !marks.selected.has(id))) {
      this.selection.reset([...marks.selected]);
    }
    this.isSyncing = false;
  }

  /** @param {import("./builder_document.js").Task} task @param {Place} at @param {Marks} marks */
  syncNode(task, [x, y], marks) {
    const { id } = task;
    const kind = [
      "bnode-box",
      marks.selected.has(id) && "is-selected",
      marks.wrong.has(id) && "is-wrong",
      marks.critical.has(id) && "is-critical",
      marks.source === id && "is-source",
    ].filter(Boolean).join(" ");
    const about = [task.role ?? task.type, task.model ?? task.tier].filter(Boolean).join(" · ") || "task";
    const look = JSON.stringify([id, about, kind, x, y]);
    if (this.drawn.get(id) === look) return;
    const node = this.drawn.has(id) ? this.graph.getCellById(id) : null;
    this.drawn.set(id, look);
    const attrs = { body: { class: kind }, label: { text: shortened(id) }, about: { text: shortened(about, 27) } };
    if (!node) {
      this.graph.addNode({ id, shape: "swarm-task", x, y, attrs });
      return;
    }
    node.setAttrs(attrs);
    const place = node.getPosition();
    if (place.x !== x || place.y !== y) node.setPosition(x, y);
  }

  /** @param {string} id @param {string} from @param {string} to @param {Marks} marks */
  syncEdge(id, from, to, marks) {
    const isSelected = marks.edge?.[0] === from && marks.edge[1] === to;
    const isCritical = marks.critical.has(from) && marks.critical.has(to);
    const kind = `bedge ${isSelected ? "is-selected" : ""} ${isCritical ? "is-critical" : ""}`;
    if (this.drawn.get(id) === kind) return;
    const edge = this.drawn.has(id) ? this.graph.getCellById(id) : null;
    this.drawn.set(id, kind);
    if (edge) edge.setAttrs(lineOf(kind));
    else {
      this.graph.addEdge({
        id, source: { cell: from, port: "out" }, target: { cell: to, port: "in" }, zIndex: -1,
        connector: CURVE, attrs: lineOf(kind),
      });
    }
  }

  /** @param {{ legible?: boolean }} [options] legible: rather show a part of it than what nobody can read */
  fit({ legible = false } = {}) {
    if (this.graph.getCellCount() === 0) return;
    this.graph.zoomToFit({ padding: MARGIN, maxScale: 1, minScale: legible ? LEGIBLE_SCALE : MIN_SCALE });
  }

  /** @param {number} factor */
  zoom(factor) {
    this.graph.zoom(factor, { absolute: false });
  }

  /** @param {string} id bring the node into sight */
  reveal(id) {
    const cell = this.graph.getCellById(id);
    if (!cell) return;
    const area = this.graph.getGraphArea();
    if (!area.containsRect(cell.getBBox())) this.graph.centerCell(cell);
  }

  /** @param {number} x @param {number} y of the window @returns {Place} where a node dropped there stands */
  placeAt(x, y) {
    const at = this.graph.clientToLocal(x, y);
    return [at.x - NODE.width / 2, at.y - NODE.height / 2];
  }

  destroy() {
    this.graph.dispose();
  }
}

/** @param {string} from @param {string} to */
const edgeId = (from, to) => `${from}\u0000${to}`;

/** @param {string} kind */
const lineOf = (kind) => ({ line: { class: kind, stroke: null, strokeWidth: null, targetMarker: null } });

/** @param {string} text @param {number} [most] */
function shortened(text, most = LABEL_CHARS) {
  return text.length <= most ? text : `${text.slice(0, Math.ceil(most * 0.6))}…${text.slice(-Math.floor(most * 0.4) + 1)}`;
}
