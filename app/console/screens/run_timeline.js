// When each task waited and when it ran: by agent (lanes as many as worked at once) or by task.
import { count, counted, duration, momentOf, percent } from "../format.js";
import { barsOf, loadOver, packed } from "../lanes.js";
import { Empty } from "../parts/empty.js";
import { say } from "../parts/live.js";
import { useRequest } from "../parts/loading.js";
import { useRowsVersion } from "../parts/rows_version.js";
import { Switch } from "../parts/tabs.js";
import { setQuery } from "../routes.js";
import { theme } from "../theme.js";
import { TimelineCanvas, beganAt } from "../timeline_canvas.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";

const EVERY_MS = 500;
const ZOOMS = [1, 2, 4, 8, 16];

/** @type {Record<string, string>} state → token of its bar */
const SHADES = { completed: "--completed", failed: "--failed", running: "--running", retrying: "--retrying", cancelled: "--cancelled", skipped: "--skipped" };

/** @param {import("../lanes.js").Bar} bar */
const shade = ({ row }) => SHADES[row.status] ?? "--queued";

/** @param {{ run: import("../run.js").Run, query: Record<string, string> }} props */
export default function RunTimeline({ run, query }) {
  const version = useRowsVersion(run, EVERY_MS);
  const by = query.by === "task" ? "task" : "agent";
  const [zoom, setZoom] = useState(1);
  const picture = useMemo(() => pictureOf(run, by), [run, version, by, run.swarm.value.ended_at]);
  const bars = picture.lanes.reduce((sum, lane) => sum + lane.length, 0);
  return html`<section class="panel timeline" aria-label="Timeline">
    <div class="timeline-bar">
      <${Switch} label="Lanes" options=${[{ value: "agent", title: "By agent" }, { value: "task", title: "By task" }]} value=${by} onChange=${(/** @type {string} */ value) => setQuery({ by: value === "agent" ? null : value })} />
      <${Switch} label="Zoom" options=${ZOOMS.map((value) => ({ value, title: `${value}×` }))} value=${zoom} onChange=${setZoom} />
      <ul class="legend timeline-legend" aria-label="What the colours mean">
        <li><span class="dot timeline-waiting" aria-hidden="true"></span>waiting for an agent</li>
        ${["running", "completed", "retrying", "failed"].map((state) => html`<li key=${state}><span class="dot is-${state}" aria-hidden="true"></span>${state}</li>`)}
      </ul>
      <span class="dim timeline-count">${by === "agent" ? `${counted(picture.lanes.length, "task")} at once at most` : `${count(bars)} tasks`}</span>
    </div>
    ${bars ? html`<${Canvas} run=${run} picture=${picture} zoom=${zoom} by=${by} />` : html`<${Empty} title="Nothing has begun yet"><p class="dim">Tasks show here from the moment in which they are ready to run.</p><//>`}
    <${WhereTimeWent} run=${run} />
  </section>`;
}

/** @param {import("../run.js").Run} run @param {string} by @returns {import("../timeline_canvas.js").Picture} */
function pictureOf(run, by) {
  const swarm = run.swarm.peek();
  const fromMs = beganAt(swarm);
  const toMs = lastOf(run, fromMs);
  const bars = barsOf(run.tasks.values(), toMs, fromMs);
  const lanes = by === "agent" ? packed(bars) : bars.map((bar) => [bar]);
  const labels = by === "agent" ? lanes.map((_, at) => String(at + 1)) : bars.map(({ row }) => row.task_id);
  return { lanes, labels, load: loadOver(bars, fromMs, toMs), fromMs, toMs, shade, waits: by === "task" };
}

/** The end of what is known, by the service's clock. @param {import("../run.js").Run} run @param {number} fromMs */
function lastOf(run, fromMs) {
  let last = Math.max(momentOf(run.swarm.peek()?.ended_at) ?? 0, momentOf(run.metrics.peek()?.ts) ?? 0, fromMs + 1);
  for (const row of run.tasks.values()) last = Math.max(last, row.endedAt ?? 0, row.startedAt ?? 0);
  return last;
}

/** @param {{ run: import("../run.js").Run, picture: import("../timeline_canvas.js").Picture, zoom: number, by: string }} props */
function Canvas({ run, picture, zoom, by }) {
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const box = useRef(null);
  /** @type {import("../vendor/preact.js").Ref<HTMLCanvasElement>} */
  const canvas = useRef(null);
  /** @type {import("../vendor/preact.js").Ref<HTMLDivElement>} */
  const room = useRef(null);
  const drawn = useRef(/** @type {TimelineCanvas | null} */ (null));
  const [told, setTold] = useState("");
  const shown = theme.value;

  useEffect(() => {
    drawn.current = new TimelineCanvas(box.current, canvas.current);
    const observer = new ResizeObserver(() => show());
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const show = () => {
    const made = drawn.current;
    if (!made || !room.current) return; // left before its first effect ran
    room.current.style.width = `${made.width}px`;
    room.current.style.height = `${made.height}px`;
    made.draw();
  };
  useEffect(() => {
    const made = drawn.current;
    if (!made) return;
    made.picture = picture;
    made.zoom = zoom;
    made.lanePx = by === "task" ? 20 : picture.lanes.length > 60 ? 12 : 16;
    if (made.current && !made.bar(made.current)) made.current = null;
    show();
  }, [picture, zoom, by, shown]);

  const open = (/** @type {{ lane: number, at: number } | null} */ place) => {
    const bar = drawn.current?.bar(place);
    if (bar) setQuery({ task: bar.row.task_id }, { replace: false });
  };
  const placeOf = (/** @type {PointerEvent} */ event) => {
    const { left, top } = canvas.current.getBoundingClientRect();
    return drawn.current?.hit(event.clientX - left, event.clientY - top) ?? null;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const made = drawn.current;
    if (!made || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") open(made.current);
    else if (made.move(event.key)) {
      made.draw();
      const text = tellOf(made.bar(made.current));
      setTold(text);
      say(text);
    } else return;
    event.preventDefault();
  };
  return html`<p class="timeline-told truncate" aria-hidden="true">${told}</p>
    <div
      class="timeline-box"
      ref=${box}
      tabindex="0"
      role="group"
      aria-label="Timeline of the tasks; arrow keys go from task to task, Enter opens one. The Tasks tab has the same as a table."
      onScroll=${() => drawn.current?.draw()}
      onKeyDown=${onKeyDown}
      onPointerMove=${(/** @type {PointerEvent} */ event) => setTold(tellOf(drawn.current?.bar(placeOf(event)) ?? null))}
      onPointerLeave=${() => setTold("")}
      onClick=${(/** @type {PointerEvent} */ event) => open(placeOf(event))}
    >
      <div class="timeline-room" ref=${room}><canvas ref=${canvas} aria-hidden="true"></canvas></div>
    </div>`;
}

/** @param {import("../lanes.js").Bar | null} bar */
function tellOf(bar) {
  if (!bar) return "";
  const waited = (bar.start ?? bar.end) - bar.ready;
  const ran = bar.start === null ? null : bar.end - bar.start;
  const parts = [bar.row.task_id, bar.row.status, `waited ${duration(waited)}`];
  if (ran !== null) parts.push(`${bar.row.endedAt === null ? "runs for" : "ran"} ${duration(ran)}`);
  if (bar.row.attempts > 1) parts.push(`${bar.row.attempts} attempts`);
  return parts.join(" · ");
}

/** @type {Record<string, string>} */
const PARTS = {
  model: "answers of models",
  queue: "waiting for an agent",
  rate_limit: "limits of the provider",
  retry: "failed attempts and their rests",
  tools: "tools",
  dependency: "handing over between tasks",
  merge: "merging",
};

/** The chain that the end waited for, as the service reckons it. @param {{ run: import("../run.js").Run }} props */
function WhereTimeWent({ run }) {
  const { data, reload } = useRequest(run.path);
  const isOver = run.ended.value;
  useEffect(() => {
    reload();
  }, [isOver]);
  const path = data?.critical_path;
  if (!path?.critical_tasks?.length) return null;
  const parts = Object.entries(path.blame).filter(([, ms]) => ms > 0).sort(([, a], [, b]) => b - a);
  return html`<div class="timeline-path">
    <h3>Where the time went: ${duration(path.makespan_ms)}, ${path.speedup.toFixed(1)}× as fast as one agent</h3>
    <ul>${parts.map(([name, ms]) => html`<li key=${name}><strong>${percent(ms / path.makespan_ms)}</strong> ${PARTS[name] ?? name}</li>`)}</ul>
    <p>
      <span class="dim">Critical path: </span>
      ${path.critical_tasks.slice(0, 12).map(
        (id, at) => html`${at > 0 && " → "}<button key=${id} type="button" class="link" onClick=${() => setQuery({ task: id }, { replace: false })}>${id}</button>`,
      )}${path.critical_tasks.length > 12 && ` … (${count(path.critical_tasks.length)} tasks)`}
    </p>
  </div>`;
}
