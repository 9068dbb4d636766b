import { time } from "../format.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { Chip } from "./chip.js";

/**
 * How the live stream of a run stands. While it is lost: when it is tried again, of when the figures are, and a way to
 * try at once. Of a run that has ended there is nothing to say.
 * @param {{ run: import("../run.js").Run }} props
 */
export function ConnectionChip({ run }) {
  const state = run.connection.value;
  switch (state.name) {
    case "live":
      return html`<${Chip} kind="is-completed" title="Events come as they happen"><span aria-hidden="true">●</span>live<//>`;
    case "connecting":
      return html`<${Chip}>connecting<//>`;
    case "reconnecting":
      return html`<${Reconnecting} run=${run} retryAtMs=${state.retryAtMs} />`;
    default:
      return null;
  }
}

/** @param {{ run: import("../run.js").Run, retryAtMs: number }} props */
function Reconnecting({ run, retryAtMs }) {
  const left = () => Math.max(Math.ceil((retryAtMs - Date.now()) / 1000), 0);
  const [seconds, setSeconds] = useState(left());
  useEffect(() => {
    setSeconds(left());
    const timer = setInterval(() => setSeconds(left()), 250);
    return () => clearInterval(timer);
  }, [retryAtMs]);
  return html`<span class="row">
    <${Chip} kind="is-retrying" title="The service does not answer; the run itself may well go on">
      <span aria-hidden="true">◌</span>reconnecting${seconds > 0 ? ` in ${seconds} s` : ""}
    <//>
    <span class="dim">as of ${time(run.asOf.value)}</span>
    <button type="button" class="button" onClick=${() => run.retryNow()}>Try now</button>
  </span>`;
}
