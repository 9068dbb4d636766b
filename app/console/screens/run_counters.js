// The row of figures. All of them are the service's own (`metrics_snapshot`), so they never fall and equal REST.
import { latenciesOf, percentile } from "../figures.js";
import { compact, count, duration, usd } from "../format.js";
import { href } from "../routes.js";
import { html } from "../vendor/preact.js";

/** @param {{ run: import("../run.js").Run }} props */
export function RunCounters({ run }) {
  const swarm = run.swarm.value;
  const metrics = run.metrics.value;
  const counts = run.counts.value;
  const tokens = metrics?.tokens ?? swarm.tokens;
  const tasks = (/** @type {string} */ state) => href(`/runs/${encodeURIComponent(run.swarmId)}`, { tab: "tasks", state });
  const cap = swarm.budget?.max_cost_usd;
  // Until the first of them comes, a second at most, the rows of the snapshot tell.
  const ascending = metrics ? [] : latenciesOf(run.tasks.values());
  const latency = (/** @type {number} */ rank) => duration(metrics ? metrics[`p${rank}_ms`] : percentile(ascending, rank));
  return html`<dl class="counters">
    <${Counter} name="cost" value=${usd(costOf(run))} label=${cap ? `of ${usd(cap)} budget` : "cost so far"} />
    <${Counter} name="running" value=${count(counts.running)} label="running" href=${tasks("running")} />
    <${Counter} name="completed" value=${count(counts.completed)} label=${`completed of ${count(counts.total)}`} href=${tasks("completed")} />
    <${Counter} name="failed" value=${count(counts.failed)} label=${counts.skipped ? `failed, ${count(counts.skipped)} skipped` : "failed"} href=${tasks("failed")} bad=${counts.failed > 0} />
    <${Counter} name="latency" value=${`${pair(latency(50), latency(95))}`} label="p50 / p95" />
    <${Counter} name="tokens" value=${compact((tokens?.in ?? 0) + (tokens?.out ?? 0))} label="tokens" />
  </dl>`;
}

/** `302 / 341 ms` where both have the same unit. @param {string} first @param {string} second */
function pair(first, second) {
  const unit = /^[\d.]+( m?s)$/.exec(second)?.[1];
  return `${unit && first.endsWith(unit) && /^[\d.]+ m?s$/.test(first) ? first.slice(0, -unit.length) : first} / ${second}`;
}

/** What the run has cost so far, in dollars. @param {import("../run.js").Run} run */
export const costOf = (run) => Math.max(run.metrics.value?.cost_usd ?? 0, run.swarm.value?.cost_usd ?? 0);

/** @param {{ name: string, value: string, label: string, href?: string, bad?: boolean }} props */
function Counter({ name, value, label, href: to, bad }) {
  return html`<div class="counter ${bad ? "is-bad" : ""}" data-counter=${name}>
    <dt>${to ? html`<a href=${to}>${label}</a>` : label}</dt>
    <dd>${value}</dd>
  </div>`;
}
