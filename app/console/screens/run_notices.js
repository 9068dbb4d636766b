// What keeps a run from going on, or from being whole, and what can be done about it.
import { count, counted, momentOf, time, usd } from "../format.js";
import { Button } from "../parts/button.js";
import { Notice } from "../parts/notice.js";
import { alert } from "../parts/toast.js";
import { href } from "../routes.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { RaiseBudget } from "./raise_budget.js";
import { costOf } from "./run_counters.js";

/** Why a lane is closed, as `swarm_throttled` says it. @type {Record<string, string>} */
const REASONS = {
  rate_limit: "its limit of requests or tokens a minute is reached",
  concurrency: "it takes no more calls at the same time",
  retry_after: "it asked for a rest",
  no_worker: "no worker is there to make its calls",
  workers_busy: "all workers have their hands full",
  no_broker: "the workers cannot be reached, NATS is away",
};

/** The reason of a run that failed by its counts alone, which stand beside it. */
const COUNTED = /^\d+ of \d+ tasks completed$/;

/** @param {{ run: import("../run.js").Run }} props */
export function RunNotices({ run }) {
  const { status } = run.swarm.value;
  return html`<div class="run-notices">
    ${run.throttled.value && html`<${Throttled} throttled=${run.throttled.value} />`}
    ${status === "paused" && html`<${Paused} run=${run} />`}
    ${(status === "partial" || status === "failed" || status === "cancelled") && html`<${Ended} run=${run} />`}
  </div>`;
}

/** @param {{ throttled: { lane: string, reason: string, servers: string[], untilMs: number | null } }} props */
function Throttled({ throttled: { lane, reason, servers, untilMs } }) {
  const leftS = useSecondsTo(untilMs);
  const why = servers.length ? `no worker has the MCP server ${servers.join(", ")}` : (REASONS[reason] ?? "it does not answer");
  return html`<${Notice} kind="warning">
    <strong><span aria-hidden="true">‖ </span>Throttled</strong> by <code>${lane}</code>: ${why}.
    ${untilMs !== null && html` Goes on at <strong>${time(untilMs)}</strong>${leftS > 0 && ` (in ${leftS} s)`}.`}
  <//>`;
}

/** @param {number | null} untilMs @returns {number} whole seconds until then, counted down */
function useSecondsTo(untilMs) {
  const left = () => (untilMs === null ? 0 : Math.max(Math.ceil((untilMs - Date.now()) / 1000), 0));
  const [seconds, setSeconds] = useState(left());
  useEffect(() => {
    setSeconds(left());
    const timer = setInterval(() => setSeconds(left()), 500);
    return () => clearInterval(timer);
  }, [untilMs]);
  return seconds;
}

/** @param {{ run: import("../run.js").Run }} props */
function Paused({ run }) {
  const [raises, setRaises] = useState(false);
  const swarm = run.swarm.value;
  const cancel = html`<${Button} kind="danger" onClick=${() => run.post("cancel").catch(alert)}>Cancel run<//>`;
  const resume = html`<${Button} kind="primary" onClick=${() => run.post("resume").catch(alert)}>Resume<//>`;
  switch (swarm.pause_reason) {
    case "budget":
      return html`<${Notice}
          kind="warning"
          role="alert"
          actions=${html`<${Button} kind="primary" onClick=${() => setRaises(true)}>Raise the budget<//>${cancel}`}
        >
          <strong>Paused by its budget:</strong> ${spentOf(run)}. The next call could pass it. Raise it to go on, or
          cancel the run.
        <//>
        ${raises && html`<${RaiseBudget} run=${run} onClose=${() => setRaises(false)} />`}`;
    case "key_budget":
      return html`<${Notice} kind="warning" role="alert" actions=${html`${resume}${cancel}`}>
        <strong>Paused:</strong> the API key has used up what it may spend today. The run goes on tomorrow (UTC), or
        once an admin raises the key's budget.
      <//>`;
    case "credits":
      return html`<${Notice} kind="warning" role="alert" actions=${html`${resume}${cancel}`}>
        <strong>Paused:</strong> the prepaid credits are used up. The run goes on once there are new ones.
      <//>`;
    case "start_at":
      return html`<${Notice} actions=${cancel}><strong>Not begun yet:</strong> it starts at ${startOf(swarm.start_at)}.<//>`;
    default:
      return html`<${Notice} actions=${html`${resume}${cancel}`}>
        <strong>Paused.</strong> No new call is made; calls under way end and count.
      <//>`;
  }
}

/** @param {string | null} at */
const startOf = (at) => (momentOf(at) === null ? "the time asked for" : new Date(momentOf(at) ?? 0).toLocaleString());

/** @param {import("../run.js").Run} run */
function spentOf(run) {
  const { budget } = run.swarm.value;
  const caps = [];
  if (budget?.max_cost_usd) caps.push(`${usd(costOf(run) + (budget.unsettled_usd ?? 0))} of ${usd(budget.max_cost_usd)} spent`);
  if (budget?.max_tokens) caps.push(`${count(budget.spent_tokens)} of ${count(budget.max_tokens)} tokens used`);
  return caps.join(", ") || "it is used up";
}

/** @param {{ run: import("../run.js").Run }} props */
function Ended({ run }) {
  const { status, error } = run.swarm.value;
  const { completed, total, failed, cancelled, skipped } = run.counts.value;
  const missing = total - completed;
  const at = (/** @type {Record<string, string>} */ query) => href(`/runs/${encodeURIComponent(run.swarmId)}`, query);
  const retry = () => run.post("retry", { states: ["failed", "cancelled", "skipped"] }).catch(alert);
  const again = missing > 0 && html`<${Button} onClick=${retry}>Retry ${count(missing)} missing<//>`;
  const parts = [failed && `${count(failed)} failed`, cancelled && `${count(cancelled)} cancelled`, skipped && `${count(skipped)} skipped`].filter(Boolean);
  const title = { partial: "Partial", failed: "Failed", cancelled: "Cancelled" }[/** @type {"partial"} */ (status)];
  return html`<${Notice} kind=${status === "partial" ? "warning" : status === "failed" ? "danger" : ""} actions=${again}>
    <strong>${title}: ${count(completed)} of ${count(total)}</strong>,${" "}
    <a href=${at({ tab: "tasks", state: "missing" })}>${count(missing)} missing</a>${parts.length > 0 && ` (${parts.join(", ")})`}.
    ${error && !COUNTED.test(error) && html` ${error}.`} ${completed > 0 && html`<a href=${at({ tab: "result" })}>See ${counted(completed, "result")}</a>`}
  <//>`;
}
