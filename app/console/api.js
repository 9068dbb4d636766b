// Requests to the API: the key goes along, an answer that is an error is thrown, a lost service is told as such.
import { key, keyWanted } from "./key.js";

const TIMEOUT_MS = 30_000;

/**
 * An answer other than 2xx (a problem document), or none at all (status 0, code "unreachable" or "timeout").
 * `errors` has one entry for each field that is wrong: a JSON pointer and what is wrong with it.
 */
export class ApiError extends Error {
  /**
   * @param {{ status: number, code: string, title: string, detail: string,
   *   errors?: { pointer: string, detail: string }[], retryAfterS?: number | null }} problem
   */
  constructor({ status, code, title, detail, errors = [], retryAfterS = null }) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterS = retryAfterS;
  }
}

/**
 * Send a request and return the parsed answer (null for 204).
 * @param {string} path such as `/v1/swarms?limit=50`
 * @param {{ method?: string, body?: any, signal?: AbortSignal, timeoutMs?: number,
 *   headers?: Record<string, string> }} [options] body: sent as JSON, unless it is a FormData, Blob or string.
 *   A request that was aborted by `signal` throws its AbortError.
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  const response = await answered(path, options);
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw lost("unreachable", "the answer broke off");
  }
}

/**
 * All items of a list, page after page.
 * @param {string} path
 * @param {Record<string, string | number>} [params]
 * @param {{ signal?: AbortSignal, max?: number }} [options] max: stop after that many
 * @returns {Promise<any[]>}
 */
export async function listAll(path, params = {}, { signal, max = Infinity } = {}) {
  const items = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ limit: "1000", ...stringified(params) });
    if (cursor) query.set("cursor", cursor);
    const page = await request(`${path}?${query}`, { signal });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < max);
  return items;
}

/**
 * Save what a path answers as a file, under the name that the service gives it.
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function download(path, { signal } = {}) {
  const response = await answered(path, { signal, timeoutMs: 600_000 });
  const named = /filename="?([^";]+)"?/.exec(response.headers.get("content-disposition") ?? "");
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = named?.[1] ?? path.split("?")[0].split("/").pop() ?? "download";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be reading it
}

/** @param {string} path @param {Record<string, any>} options @returns {Promise<Response>} a 2xx */
async function answered(path, { method = "GET", body, signal, timeoutMs = TIMEOUT_MS, headers = {} }) {
  const plain = body === undefined || typeof body === "string" || body instanceof FormData || body instanceof Blob;
  const sent = key.peek();
  const timeout = AbortSignal.timeout(timeoutMs);
  let response;
  try {
    response = await fetch(path, {
      method,
      body: plain ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      headers: {
        ...(plain ? {} : { "Content-Type": "application/json" }),
        ...(sent ? { Authorization: `Bearer ${sent}` } : {}),
        ...headers,
      },
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (timeout.aborted) throw lost("timeout", `no answer within ${timeoutMs / 1000} s`);
    throw lost("unreachable", "the service does not answer; is it running?");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && sent === key.peek()) {
    keyWanted.value = sent ? "The service does not take this key." : "This service asks for a key.";
  }
  throw problem;
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function problemOf(response) {
  /** @type {any} */
  let found = {};
  try {
    const parsed = await response.json();
    found = parsed?.error && typeof parsed.error === "object" ? { detail: parsed.error.message, ...parsed.error } : parsed;
  } catch {
    // No JSON, so not the service's own answer: a proxy's in between. Its status has to do.
  }
  return new ApiError({
    status: response.status,
    code: String(found?.code ?? response.status),
    title: found?.title ?? (response.statusText || `HTTP ${response.status}`),
    detail: found?.detail ?? "",
    errors: Array.isArray(found?.errors) ? found.errors : [],
    retryAfterS: Number(response.headers.get("retry-after")) || null,
  });
}

/** @param {string} code @param {string} detail */
const lost = (code, detail) => new ApiError({ status: 0, code, title: "No answer", detail });

/** @param {Record<string, any>} params */
const stringified = (params) => Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]));
