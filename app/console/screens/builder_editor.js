// The state of the builder: the document with its history, the selection, and what the service says of the document.
import { request } from "../api.js";
import { batch, computed, signal } from "../vendor/preact.js";
import { opened, savedForm, taskOf } from "./builder_document.js";

const KEPT = 200;
const TOGETHER_MS = 1_500;
const CHECK_AFTER_MS = 350;

/** @typedef {import("./builder_document.js").Doc} Doc */
/** @typedef {{ pointer: string, detail: string, code: string, path: string[] | null }} Problem */
/** @typedef {ReturnType<typeof createEditor>} Editor */

/** @param {string} graphId @param {Record<string, any> | null} saved as GET answers it; null: there is none yet */
export function createEditor(graphId, saved) {
  const doc = signal(opened(saved));
  /** What the service has. */
  const kept = signal(saved ? doc.peek() : null);
  const revision = signal(/** @type {number | null} */ (saved?.revision ?? null));
  const selection = signal(/** @type {string[]} */ ([]));
  /** A dependency that is selected: from, to. */
  const edge = signal(/** @type {[string, string] | null} */ (null));
  /** The answer of POST /v1/graphs/validate to the document as it is; null while none has come. */
  const report = signal(/** @type {any} */ (null));
  const checkError = signal(/** @type {any} */ (null));
  const isChecking = signal(false);
  const past = signal(/** @type {Doc[]} */ ([]));
  const future = signal(/** @type {Doc[]} */ ([]));
  const isDirty = computed(() => doc.value !== kept.value && (kept.value !== null || past.value.length > 0));
  let lastKey = "";
  let lastAt = 0;
  let timer = 0;
  let asked = new AbortController();

  function check() {
    clearTimeout(timer);
    timer = window.setTimeout(ask, CHECK_AFTER_MS);
  }

  async function ask() {
    asked.abort();
    asked = new AbortController();
    const { signal: stop } = asked;
    isChecking.value = true;
    try {
      const answer = await request("/v1/graphs/validate", { method: "POST", body: savedForm(doc.peek()), signal: stop });
      batch(() => {
        report.value = answer;
        checkError.value = null;
        isChecking.value = false;
      });
    } catch (error) {
      if (stop.aborted) return;
      batch(() => {
        checkError.value = error;
        isChecking.value = false;
      });
    }
  }

  /** @param {Doc} next */
  function show(next) {
    batch(() => {
      doc.value = next;
      selection.value = selection.peek().filter((id) => taskOf(next, id));
      edge.value = null;
    });
    check();
  }

  check();
  return {
    graphId, check, doc, revision, selection, edge, report, checkError, isChecking, isDirty,
    canUndo: computed(() => past.value.length > 0),
    canRedo: computed(() => future.value.length > 0),
    /**
     * Take a change on; one Ctrl+Z takes it back.
     * @param {Doc} next @param {string} [key] changes of one key in a row (typing in a field) are one step
     */
    commit(next, key = "") {
      if (next === doc.peek()) return;
      const together = key !== "" && key === lastKey && Date.now() - lastAt < TOGETHER_MS;
      [lastKey, lastAt] = [key, Date.now()];
      batch(() => {
        if (!together) past.value = [...past.peek().slice(1 - KEPT), doc.peek()];
        future.value = [];
        show(next);
      });
    },
    undo() {
      const before = past.peek().at(-1);
      if (!before) return false;
      lastKey = "";
      batch(() => {
        future.value = [...future.peek(), doc.peek()];
        past.value = past.peek().slice(0, -1);
        show(before);
      });
      return true;
    },
    redo() {
      const after = future.peek().at(-1);
      if (!after) return false;
      lastKey = "";
      batch(() => {
        past.value = [...past.peek(), doc.peek()];
        future.value = future.peek().slice(0, -1);
        show(after);
      });
      return true;
    },
    /** @param {string[]} ids */
    select(ids) {
      batch(() => {
        selection.value = ids;
        edge.value = null;
      });
    },
    /** @param {[string, string]} ends */
    selectEdge(ends) {
      batch(() => {
        selection.value = [];
        edge.value = ends;
      });
    },
    /**
     * Save; what another editor saved since is not overwritten, unless that is wanted.
     * @param {{ overwrite?: boolean }} [options]
     * @throws {import("../api.js").ApiError} 412: somebody else saved meanwhile
     */
    async save({ overwrite = false } = {}) {
      const saving = doc.peek();
      const known = revision.peek();
      /** @type {Record<string, string>} */
      const headers = known === null && !overwrite ? { "If-None-Match": "*" } : {};
      const body = { ...savedForm(saving), ...(known !== null && !overwrite ? { revision: known } : {}) };
      const answer = await request(`/v1/graphs/${encodeURIComponent(graphId)}`, { method: "PUT", body, headers });
      batch(() => {
        kept.value = saving;
        revision.value = answer.revision;
      });
    },
    close() {
      clearTimeout(timer);
      asked.abort();
    },
  };
}
