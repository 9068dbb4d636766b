// The table of tasks: only the rows in sight are in the document, so 10,000 cost as much as 30.
import { count, duration, usd } from "../format.js";
import { SORTS } from "../task_filter.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

/** @typedef {import("../task_rows.js").Row} Row */

const ROW_PX = 32;
const SPARE = 10;

/** @type {{ name: string, title: string, number?: boolean, show: (row: Row) => any }[]} */
const COLUMNS = [
  { name: "task", title: "Task", show: (row) => row.task_id },
  { name: "role", title: "Role", show: (row) => row.role ?? row.type ?? "–" },
  { name: "attempts", title: "Attempts", number: true, show: (row) => count(row.attempts) },
  { name: "latency", title: "Latency", number: true, show: (row) => duration(row.latency_ms) },
  { name: "queue", title: "Waited", number: true, show: (row) => duration(row.queue_ms) },
  { name: "tokens", title: "Tokens", number: true, show: (row) => count(row.tokens_in + row.tokens_out) },
  { name: "cost", title: "Cost", number: true, show: (row) => usd(row.cost_usd) },
  { name: "model", title: "Model", show: (row) => row.model ?? "–" },
];

/**
 * Arrows, Page and Home/End move; Space selects, with Shift all on the way; Ctrl+A selects all; Enter opens.
 * @param {{ run: import("../run.js").Run, rows: Row[], selected: Set<string>, onSelect: (ids: Set<string>) => void,
 *   onOpen: (taskId: string) => void, sort: string, onSort: (sort: string) => void, open: string | undefined,
 *   view: string }} props
 *   view: changes with what is shown and how it is sorted; the table begins at its top again. open: the task that is open beside the table
 */
export function TaskTable({ run, rows, selected, onSelect, onOpen, sort, onSort, open, view }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(480);
  const [at, setAt] = useState(0);
  const anchor = useRef(0);
  const current = Math.min(at, Math.max(rows.length - 1, 0));

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setHeight(box.current.clientHeight));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (box.current.scrollTop !== top) setTop(box.current.scrollTop); // it became shorter and scrolled by itself
  }, [rows.length]);
  useEffect(() => {
    box.current.scrollTop = 0;
    anchor.current = 0;
    setAt(0);
  }, [view]);

  /** @param {number} to @param {boolean} extends_ */
  const moveTo = (to, extends_) => {
    const place = Math.min(Math.max(to, 0), rows.length - 1);
    const from = place * ROW_PX;
    const { scrollTop, clientHeight } = box.current;
    if (from < scrollTop) box.current.scrollTop = from;
    else if (from + 2 * ROW_PX > scrollTop + clientHeight) box.current.scrollTop = from + 2 * ROW_PX - clientHeight;
    setAt(place);
    if (extends_) select(anchor.current, place);
    else anchor.current = place;
  };

  /** @param {number} from @param {number} to */
  const select = (from, to) => {
    const ids = new Set(selected);
    for (let index = Math.min(from, to); index <= Math.max(from, to); index += 1) ids.add(rows[index].task_id);
    onSelect(ids);
  };

  /** @param {number} index */
  const toggle = (index) => {
    const ids = new Set(selected);
    const id = rows[index].task_id;
    if (!ids.delete(id)) ids.add(id);
    anchor.current = index;
    onSelect(ids);
  };

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== box.current || !rows.length) return;
    const page = Math.max(Math.floor(height / ROW_PX) - 2, 1);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) moveTo(to, event.shiftKey);
    else if (event.key === " ") toggle(current);
    else if (event.key === "Enter") onOpen(rows[current].task_id);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) onSelect(new Set(rows.map((row) => row.task_id)));
    else if (event.key === "Escape" && selected.size) onSelect(new Set());
    else return;
    event.preventDefault();
  };

  const first = Math.max(Math.floor(top / ROW_PX) - SPARE, 0);
  const last = Math.min(Math.ceil((top + height) / ROW_PX) + SPARE, rows.length);
  const allSelected = rows.length > 0 && selected.size >= rows.length;
  return html`<div
    class="tasks-table"
    ref=${box}
    role="grid"
    tabindex="0"
    aria-label="Tasks"
    aria-rowcount=${rows.length + 1}
    aria-colcount=${COLUMNS.length + 3}
    aria-multiselectable="true"
    aria-activedescendant=${rows.length ? `task-row-${current}` : undefined}
    onKeyDown=${onKeyDown}
    onScroll=${() => setTop(box.current.scrollTop)}
  >
    <div class="tasks-head" role="row" aria-rowindex="1">
      <span role="columnheader" class="c-select">
        <input
          type="checkbox"
          aria-label=${`Select all ${count(rows.length)} tasks`}
          checked=${allSelected}
          onChange=${() => onSelect(allSelected ? new Set() : new Set(rows.map((row) => row.task_id)))}
        />
      </span>
      <${Head} name="state" title="State" sort=${sort} onSort=${onSort} />
      ${COLUMNS.map((column) => html`<${Head} key=${column.name} ...${column} sort=${sort} onSort=${onSort} />`)}
      <span role="columnheader" class="c-error">Error</span>
    </div>
    <div class="tasks-body" role="presentation" style=${{ height: `${rows.length * ROW_PX}px` }}>
      ${rows.slice(first, last).map((row, offset) => {
        const index = first + offset;
        return html`<${TaskRow}
          key=${row.task_id}
          run=${run}
          row=${row}
          index=${index}
          isSelected=${selected.has(row.task_id)}
          isCurrent=${index === current}
          isOpen=${row.task_id === open}
          onOpen=${() => {
            setAt(index);
            anchor.current = index;
            onOpen(row.task_id);
          }}
          onToggle=${(/** @type {MouseEvent} */ event) => {
            setAt(index);
            if (event.shiftKey) select(anchor.current, index);
            else toggle(index);
          }}
        />`;
      })}
    </div>
  </div>`;
}

/** @param {{ name: string, title: string, number?: boolean, sort: string, onSort: (sort: string) => void }} props */
function Head({ name, title, number, sort, onSort }) {
  const up = sort === name;
  const down = sort === `-${name}`;
  const order = up ? "ascending" : down ? "descending" : "none";
  const next = up ? `-${name}` : down ? "" : name;
  return html`<span role="columnheader" class="c-${name} ${number ? "number" : ""}" aria-sort=${SORTS[name] ? order : undefined}>
    <button type="button" tabindex="-1" onClick=${() => onSort(next)}>${title}<span aria-hidden="true">${up ? " ↑" : down ? " ↓" : ""}</span></button>
  </span>`;
}

/** @param {any} props */
function TaskRow({ run, row, index, isSelected, isCurrent, isOpen, onOpen, onToggle }) {
  const state = run.shownState(row);
  const error = row.status === "completed" ? "" : (row.error?.message ?? "");
  return html`<div
    id="task-row-${index}"
    class="tasks-row ${isSelected ? "is-selected" : ""} ${isCurrent ? "is-current" : ""} ${isOpen ? "is-open" : ""}"
    role="row"
    aria-rowindex=${index + 2}
    aria-selected=${isSelected}
    style=${{ transform: `translateY(${index * ROW_PX}px)` }}
    onClick=${onOpen}
  >
    <span role="gridcell" class="c-select" onClick=${(/** @type {Event} */ event) => event.stopPropagation()}>
      <input type="checkbox" tabindex="-1" aria-label=${`Select ${row.task_id}`} checked=${isSelected} onClick=${onToggle} />
    </span>
    <span role="gridcell" class="c-state"><span class="dot ${state.cssClass}" aria-hidden="true">${state.glyph}</span>${state.name}</span>
    ${COLUMNS.map((column) => html`<span key=${column.name} role="gridcell" class="c-${column.name} truncate ${column.number ? "number" : ""}">${column.show(row)}</span>`)}
    <span role="gridcell" class="c-error truncate" title=${error}>${error}</span>
  </div>`;
}
