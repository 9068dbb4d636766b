// The head of a run: its name and state, how many agents may work, and what can be asked of it.
import { download } from "../api.js";
import { Button } from "../parts/button.js";
import { Chip, RunChip } from "../parts/chip.js";
import { ConnectionChip } from "../parts/connection.js";
import { Dialog } from "../parts/dialog.js";
import { Menu } from "../parts/menu.js";
import { Switch } from "../parts/tabs.js";
import { alert, done } from "../parts/toast.js";
import { counted } from "../format.js";
import { RUN_ENDED } from "../state.js";
import { html, useState } from "../vendor/preact.js";

const SCALES = [10, 50, 100, 200, 300];
const KINDS = ["tasks", "events", "metrics", "attempts"];
const FORMATS = ["csv", "json"];

/** @param {{ run: import("../run.js").Run }} props */
export function RunHead({ run }) {
  const swarm = run.swarm.value;
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState("");
  const isOver = RUN_ENDED.has(swarm.status);
  const isPaused = swarm.status === "paused";

  /** @param {string} name @param {() => Promise<any>} act @param {string} [said] */
  const doing = async (name, act, said) => {
    setBusy(name);
    try {
      await act();
      if (said) done(said);
    } catch (error) {
      alert(error);
    } finally {
      setBusy("");
    }
  };
  const scale = (/** @type {number} */ agents) =>
    doing("scale", () => run.patch({ max_parallel_agents: agents }), `Up to ${counted(agents, "agent")} at the same time`);
  const cancel = () => {
    setAsks(false);
    doing("cancel", () => run.post("cancel"));
  };

  return html`<header class="run-head">
    <div class="run-name">
      <h1 title=${run.swarmId}>${swarm.name ?? run.swarmId}</h1>
      <${RunChip} status=${swarm.status} />
      <${ConnectionChip} run=${run} />
      ${swarm.metadata?.forked_from && html`<${Chip} title=${swarm.metadata.forked_from}>fork<//>`}
    </div>
    <div class="run-actions">
      <span class="scale">
        <span class="dim" aria-hidden="true">Agents</span>
        <${Switch} label="Agents at the same time" options=${scalesOf(swarm.max_parallel_agents, isOver)} value=${swarm.max_parallel_agents} onChange=${scale} />
      </span>
      ${!isOver &&
      (isPaused
        ? html`<${Button} busy=${busy === "resume"} onClick=${() => doing("resume", () => run.post("resume"))}>Resume<//>`
        : html`<${Button} busy=${busy === "pause"} onClick=${() => doing("pause", () => run.post("pause"))}>Pause<//>`)}
      ${!isOver && html`<${Button} kind="danger" busy=${busy === "cancel"} onClick=${() => setAsks(true)}>Cancel run<//>`}
      <${Menu} title="Export ▾" label="Export" items=${exportsOf(run)} />
    </div>
    ${asks &&
    html`<${Dialog}
      title="Cancel the run?"
      onClose=${() => setAsks(false)}
      actions=${html`<${Button} onClick=${() => setAsks(false)}>Keep it running<//><${Button} kind="danger" onClick=${cancel}>Cancel run<//>`}
    >
      <p>
        Every call under way is closed and no new one is made. What completed stays, and so does what it cost; the
        cancelled tasks can be retried later.
      </p>
    <//>`}
  </header>`;
}

/** @param {number} current @param {boolean} isOver */
function scalesOf(current, isOver) {
  const values = SCALES.includes(current) ? SCALES : [...SCALES, current].sort((a, b) => a - b);
  return values.map((value) => ({ value, title: String(value), disabled: isOver }));
}

/** @param {import("../run.js").Run} run */
const exportsOf = (run) =>
  KINDS.flatMap((kind) =>
    FORMATS.map((format) => ({
      title: `${kind[0].toUpperCase()}${kind.slice(1)} as ${format.toUpperCase()}`,
      onSelect: () => download(`${run.path}/export?kind=${kind}&format=${format}`).then(() => done(`Saved: ${kind} as ${format.toUpperCase()}`), alert),
    })),
  );
