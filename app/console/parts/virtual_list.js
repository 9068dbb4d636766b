import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const SPARE = 8;

/**
 * A long list of rows of one height of which only those in sight are in the document: 20,000 cost as much as 20.
 * The caller's rows carry their own roles; the list itself scrolls by keyboard.
 * @param {{ count: number, rowHeight: number, height: number, renderRow: (index: number) => any, label: string,
 *   role?: string, version?: any }} props
 *   heights in px; renderRow: called for each row in sight, again with each render; version: change it to redraw
 */
export function VirtualList({ count, rowHeight, height, renderRow, label, role = "list" }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const ref = useRef(null);
  const [top, setTop] = useState(0);
  useEffect(() => {
    // A list that became shorter scrolls up by itself, without an event.
    if (ref.current && ref.current.scrollTop !== top) setTop(ref.current.scrollTop);
  }, [count]);
  const first = Math.max(Math.floor(top / rowHeight) - SPARE, 0);
  const last = Math.min(Math.ceil((top + height) / rowHeight) + SPARE, count);
  const rows = [];
  for (let index = first; index < last; index += 1) {
    rows.push(
      html`<div key=${index} class="virtual-row" style=${{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}>
        ${renderRow(index)}
      </div>`,
    );
  }
  return html`<div
    class="virtual"
    ref=${ref}
    role=${role}
    aria-label=${label}
    tabindex="0"
    style=${{ height: `${Math.min(height, count * rowHeight)}px` }}
    onScroll=${(/** @type {Event} */ event) => setTop(/** @type {HTMLElement} */ (event.currentTarget).scrollTop)}
  >
    <div class="virtual-rows" role="presentation" style=${{ height: `${count * rowHeight}px` }}>${rows}</div>
  </div>`;
}
