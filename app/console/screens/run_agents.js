// The heat-map: one cell an agent slot, drawn by `CellGrid`; this puts it on the page and says what its signs mean.
import { CellGrid } from "../cell_grid.js";
import { count } from "../format.js";
import { Chip } from "../parts/chip.js";
import { Panel } from "../parts/panel.js";
import { SegmentedBar } from "../parts/segmented_bar.js";
import { setQuery } from "../routes.js";
import { html, useEffect, useRef, useSignalEffect } from "../vendor/preact.js";

const TICK_MS = 250;

const LEGEND = [
  { look: "is-waiting", label: "waiting on dependency" },
  { look: "is-queued", label: "queued" },
  { look: "is-running level-1", more: "is-running level-5", label: "running (deeper = longer)" },
  { look: "is-retrying", sign: "2", label: "retrying (digit = attempt)" },
  { look: "is-throttled", sign: "‖", label: "throttled" },
  { look: "is-completed", label: "completed" },
  { look: "is-completed is-slow", label: "slower than p95" },
  { look: "is-failed", sign: "✕", label: "failed" },
  { look: "is-cancelled", label: "cancelled" },
];

/** @param {{ run: import("../run.js").Run }} props */
export function RunAgents({ run }) {
  const { max_parallel_agents: agents } = run.swarm.value;
  run.shapeVersion.value; // a planner makes tasks as it goes
  const title = run.tasks.size < agents ? `Agents (${count(run.tasks.size)} of up to ${count(agents)})` : `Agents (${count(agents)})`;
  return html`<${Panel} title=${title} class="overview-main" actions=${html`<${Rate} run=${run} />`}>
    <${Progress} run=${run} />
    <${Cells} run=${run} />
    <ul class="legend" aria-label="What the cells mean">
      ${LEGEND.map(
        ({ look, more, sign, label }) =>
          html`<li key=${label}>
            <span class="cell ${look}" aria-hidden="true">${sign}</span>${more && html`<span class="cell ${more}" aria-hidden="true"></span>`}
            ${label}
          </li>`,
      )}
    </ul>
  <//>`;
}

/** @param {{ run: import("../run.js").Run }} props */
const Rate = ({ run }) => html`<${Chip}>${count(run.eventsPerSecond.value)} events/s<//>`;

/** @param {{ run: import("../run.js").Run }} props */
const Progress = ({ run }) => html`<${SegmentedBar} counts=${run.counts.value} />`;

/** @param {{ run: import("../run.js").Run }} props */
function Cells({ run }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const box = useRef(null);
  /** @type {import("../vendor/preact.js").Ref<HTMLParagraphElement>} */
  const detail = useRef(null);
  /** @type {import("../vendor/preact.js").Ref<CellGrid | null>} */
  const grid = useRef(null);

  useEffect(() => {
    const made = new CellGrid(box.current, run, {
      onOpen: (taskId) => setQuery({ task: taskId }, { replace: false }),
      onShow: (text) => {
        if (detail.current.textContent !== text) detail.current.textContent = text;
      },
    });
    grid.current = made;
    made.draw([]);
    made.tick();
    const stop = run.onRows((changed) => made.draw(changed));
    const timer = setInterval(() => made.tick(), TICK_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [run]);

  // What is asked of all cells at once: how many there are, and how those look that wait for the run.
  useSignalEffect(() => {
    run.swarm.value;
    run.throttled.value;
    if (!grid.current) return;
    grid.current.draw([]);
    grid.current.repaint();
  });

  return html`<div class="cells" ref=${box} role="group" aria-label="Agent slots; arrow keys move, Enter opens the task"></div>
    <p class="cell-detail truncate" ref=${detail} aria-hidden="true"></p>`;
}
