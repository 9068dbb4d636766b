// The providers: how their breakers and limits stand, what went wrong lately, what calls cost and have cost.
import { compact, count, counted, duration, NOTHING, percent, usd } from "../format.js";
import { Chip } from "../parts/chip.js";
import { Empty } from "../parts/empty.js";
import { useInterval, useRequest } from "../parts/loading.js";
import { Failure } from "../parts/notice.js";
import { Panel } from "../parts/panel.js";
import { Prices } from "../parts/prices.js";
import { Skeleton } from "../parts/skeleton.js";
import { html, useEffect } from "../vendor/preact.js";

const REFRESH_MS = 2_000;

/** What a breaker is at. @type {Record<string, { title: string, kind: string, glyph: string }>} */
const BREAKERS = {
  closed: { title: "closed", kind: "is-completed", glyph: "✓" },
  half_open: { title: "probing", kind: "is-retrying", glyph: "◐" },
  open: { title: "open", kind: "is-failed", glyph: "✕" },
};

export default function Providers() {
  const providers = useRequest("/v1/providers");
  const usage = useRequest("/v1/usage?group_by=model&limit=50");
  useInterval(providers.reload, REFRESH_MS);
  useInterval(usage.reload, 5 * REFRESH_MS);
  useEffect(() => {
    document.title = "Providers · Swarm console";
  }, []);
  return html`<div class="page-head"><h1>Providers</h1></div>
    <div class="stack providers">
      ${providers.error && html`<${Failure} error=${providers.error} retry=${providers.reload} />`}
      ${!providers.data && !providers.error && html`<${Panel} title="Providers"><${Skeleton} lines=${4} /><//>`}
      ${providers.data?.items.map((/** @type {any} */ one) => html`<${Provider} key=${one.provider} provider=${one} />`)}
      ${usage.data && html`<${Usage} usage=${usage.data} />`}
      <${Prices} />
    </div>`;
}

/** @param {{ provider: any }} props */
function Provider({ provider }) {
  const { models } = provider;
  const title = html`${provider.provider} <span class="chip">${counted(models.length, "model")} in use</span>`;
  if (!models.length) {
    return html`<${Panel} title=${title}><p class="dim">Not called since the service started.</p><//>`;
  }
  return html`<${Panel} title=${title} flush>
    <table>
      <thead>
        <tr>
          <th>Model</th>
          <th>Breaker</th>
          <th class="number">In flight</th>
          <th class="number">Waiting</th>
          <th class="number" title="Calls at once, as learned from its refusals">Limit</th>
          <th class="number">Requests / min</th>
          <th class="number">Tokens / min</th>
          <th class="number">Calls</th>
          <th class="number" title="Calls that found it down: not to be reached, hanging, 502 to 504">Outages</th>
          <th class="number" title="Answers with 429">Refused</th>
          <th class="number" title="Share of the calls of the last 30 to 60 seconds that found it down">Now</th>
          <th class="number" title="Time that calls waited for one of these limits">Throttled</th>
        </tr>
      </thead>
      <tbody>
        ${models.map(
          (/** @type {any} */ model) =>
            html`<tr key=${model.model}>
              <td class="mono">${model.model}</td>
              <td><${Breaker} breaker=${model.breaker} /></td>
              <td class="number">${count(model.in_flight)}</td>
              <td class="number">${count(model.waiting)}</td>
              <td class="number">${count(model.limit)}</td>
              <td class="number">${count(model.requests_per_minute)}</td>
              <td class="number">${compact(model.tokens_per_minute)}</td>
              <td class="number">${count(model.calls)}</td>
              <td class="number ${model.failures ? "is-bad" : ""}">${count(model.failures)}</td>
              <td class="number">${count(model.refusals)}</td>
              <td class="number ${model.error_rate >= 0.1 ? "is-bad" : ""}">${percent(model.error_rate)}</td>
              <td class="number">${model.throttled_ms ? duration(model.throttled_ms) : NOTHING}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  <//>`;
}

/** @param {{ breaker: { state: string, opened_count: number, retry_in_s: number | null } }} props */
function Breaker({ breaker }) {
  const { title, kind, glyph } = BREAKERS[breaker.state] ?? { title: breaker.state, kind: "", glyph: "?" };
  const times = `opened ${counted(breaker.opened_count, "time")} since the service started`;
  const next = breaker.retry_in_s === null ? "" : `, next try in ${duration(breaker.retry_in_s * 1000)}`;
  return html`<${Chip} kind=${kind} title=${times}><span aria-hidden="true">${glyph}</span>${title}${next}<//>`;
}

/** @param {{ usage: any }} props */
function Usage({ usage }) {
  if (!usage.items.length) {
    return html`<${Panel} title="Used so far"><${Empty} title="No model call yet" /><//>`;
  }
  return html`<${Panel} title="Used so far" flush>
    <table>
      <thead>
        <tr>
          <th>Model</th>
          <th class="number">Calls</th>
          <th class="number">Tokens in</th>
          <th class="number" title="The part of them that the provider's cache served">Cached</th>
          <th class="number">Tokens out</th>
          <th class="number">Cost</th>
        </tr>
      </thead>
      <tbody>
        ${usage.items.map((/** @type {any} */ item) => html`<${Sums} key=${item.model} title=${item.model ?? "unknown"} sums=${item} />`)}
      </tbody>
      ${usage.items.length > 1 && html`<tfoot><${Sums} title="all" sums=${usage.total} /></tfoot>`}
    </table>
  <//>`;
}

/** @param {{ title: string, sums: any }} props */
const Sums = ({ title, sums }) =>
  html`<tr>
    <td class="mono">${title}</td>
    <td class="number">${count(sums.calls)}</td>
    <td class="number">${compact(sums.prompt_tokens)}</td>
    <td class="number">${compact(sums.cached_tokens)}</td>
    <td class="number">${compact(sums.completion_tokens)}</td>
    <td class="number">
      ${usd(sums.cost_usd)}${sums.unpriced_calls > 0 &&
      html`<div class="dim" title="Calls of models without a known price">+ ${counted(sums.unpriced_calls, "unpriced call")}</div>`}
    </td>
  </tr>`;
