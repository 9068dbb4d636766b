import { counted, duration, time, usd } from "../format.js";
import { html } from "../vendor/preact.js";
import { Text } from "./text_value.js";

/** What a step of each kind was. @type {Record<string, string>} */
const TITLES = {
  answer: "Answer",
  repair: "Repair of the answer",
  verdict: "Verdict of a judge",
  turn: "Turn of the orchestrator",
  calls: "Tool calls",
  results: "Results of the tools",
};

/** The journal of a task: one entry a model call or run of tools, oldest first. @param {{ steps: any[] }} props */
export function Steps({ steps }) {
  const names = new Map(steps.flatMap(({ record }) => (record.tool_calls ?? []).map((/** @type {any} */ call) => [call.id, call.name])));
  return html`<ol class="steps">
    ${steps.map(
      (step) => html`<li key=${step.step}>
        <details>
          <summary>
            <strong>${TITLES[step.kind] ?? step.kind}</strong>
            <span class="dim">${summaryOf(step, names)}</span>
          </summary>
          <p class="dim">
            ${time(step.at)} · attempt ${step.attempt} · ${duration(step.latency_ms)}${step.model && ` · ${step.model} · ${counted(step.usage.total_tokens, "token")} · ${usd(step.cost_usd)}`}
          </p>
          <${Record} record=${step.record} names=${names} step=${step.step} />
        </details>
      </li>`,
    )}
  </ol>`;
}

/** @param {any} step @param {Map<string, string>} names */
function summaryOf({ record, kind }, names) {
  if (kind === "calls") return record.tool_calls.map((/** @type {any} */ call) => call.name).join(", ");
  if (kind === "results") return Object.keys(record.results).map((id) => names.get(id) ?? id).join(", ");
  if (kind === "verdict") return `score ${record.score ?? "–"}`;
  if (record.errors?.length) return "does not fit the schema";
  return "";
}

/** @param {{ record: any, names: Map<string, string>, step: number }} props */
function Record({ record, names, step }) {
  if (record.tool_calls) {
    return html`${record.content && html`<${Text} value=${record.content} name=${`step ${step}: words`} limit=${1000} />`}
    ${record.tool_calls.map(
      (/** @type {any} */ call) => html`<h4 key=${call.id}><code>${call.name}</code></h4>
        <${Text} value=${indented(call.arguments)} name=${`arguments of ${call.name}`} limit=${1500} />`,
    )}`;
  }
  if (record.results) {
    return Object.entries(record.results).map(
      ([id, result]) => html`<h4 key=${id}><code>${names.get(id) ?? id}</code></h4>
        <${Text} value=${result} name=${`result of ${names.get(id) ?? id}`} limit=${1500} />`,
    );
  }
  const { kind: _kind, ...rest } = record;
  return html`<${Text} value=${typeof rest.content === "string" && !rest.errors?.length ? rest.content : rest} name=${`step ${step}`} limit=${1500} />`;
}

/** Arguments are JSON text as the model wrote it. @param {string} text */
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON after all: shown as it came
  }
}
