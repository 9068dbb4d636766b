// What the new-run form sends, and which of its fields an error of the service belongs to. Pure.

/**
 * @typedef {"goal" | "rows" | "files"} Kind
 * @typedef {{ kind: Kind, goal?: string, planner?: string, prompt?: string, numAgents?: number, name?: string,
 *   model?: string, agents?: number, budget?: number, onExceeded?: string, aggregate?: string }} Form
 */

/** @type {Record<string, string[]>} by field, the pointers that an error of it begins with */
const POINTERS = {
  goal: ["/goal"],
  planner: ["/planner"],
  files: ["/attachments", "/decompose/path", "/decompose/paths", "/decompose/data"],
  prompt: ["/decompose/prompt"],
  numAgents: ["/decompose/num_agents"],
  name: ["/name"],
  model: ["/model", "/decompose/model"],
  agents: ["/limits/max_parallel_agents"],
  budget: ["/budget/max_cost_usd", "/budget"],
  aggregate: ["/aggregate"],
};

/**
 * @param {Form} form @param {string[]} fileIds uploaded, in the order chosen
 * @returns {Record<string, any> | null} the body of POST /v1/swarms; null while there is nothing to do yet
 */
export function bodyOf(form, fileIds) {
  const work = workOf(form, fileIds);
  if (!work) return null;
  return without({
    ...work,
    name: form.name,
    model: form.model,
    aggregate: form.aggregate,
    limits: form.agents === undefined ? undefined : { max_parallel_agents: form.agents },
    budget: form.budget === undefined ? undefined : without({ max_cost_usd: form.budget, on_exceeded: form.onExceeded }),
  });
}

/** @param {Form} form @param {string[]} fileIds @returns {Record<string, any> | null} */
function workOf(form, fileIds) {
  if (form.kind === "goal") {
    if (!form.goal?.trim()) return null;
    return { goal: form.goal, planner: form.planner, attachments: fileIds.length ? { paths: fileIds } : undefined };
  }
  if (!fileIds.length) return null;
  const { prompt } = form;
  if (form.kind === "rows") {
    return { decompose: without({ strategy: "rows", path: fileIds[0], num_agents: form.numAgents, prompt }) };
  }
  return { decompose: without({ strategy: "files", paths: fileIds, prompt }) };
}

/** @param {Record<string, any>} fields */
const without = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/**
 * @param {{ pointer: string, detail: string }[]} errors of a problem document
 * @returns {{ fields: Record<string, string>, others: { pointer: string, detail: string }[] }}
 */
export function sorted(errors) {
  /** @type {Record<string, string>} */
  const fields = {};
  const others = [];
  for (const error of errors) {
    const field = Object.keys(POINTERS).find((name) =>
      POINTERS[name].some((start) => error.pointer === start || error.pointer.startsWith(`${start}/`)));
    if (field) fields[field] ??= error.detail;
    else others.push(error);
  }
  return { fields, others };
}
