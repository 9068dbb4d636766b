import { request } from "../api.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

/**
 * What a path answers, asked for when the component comes up and again with each `reload()`.
 * @param {string | null} path null asks for nothing
 * @returns {{ data: any, error: any, isLoading: boolean, reload: () => Promise<void> }}
 *   data: the newest answer, kept while another is awaited and when it fails
 */
export function useRequest(path) {
  const [state, setState] = useState({ data: /** @type {any} */ (null), error: /** @type {any} */ (null), isLoading: path !== null });
  const current = useRef(/** @type {AbortController | null} */ (null));

  const reload = async () => {
    if (path === null) return;
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    setState((before) => ({ ...before, isLoading: true }));
    try {
      const data = await request(path, { signal: controller.signal });
      setState({ data, error: null, isLoading: false });
    } catch (error) {
      if (!controller.signal.aborted) setState((before) => ({ ...before, error, isLoading: false }));
    }
  };

  useEffect(() => {
    setState({ data: null, error: null, isLoading: path !== null });
    reload();
    return () => current.current?.abort();
  }, [path]);

  return { ...state, reload };
}

/**
 * Call every so often while the tab is looked at, and at once when it is looked at again.
 * @param {() => void} call @param {number} everyMs
 */
export function useInterval(call, everyMs) {
  const newest = useRef(call);
  newest.current = call;
  useEffect(() => {
    const tick = () => document.hidden || newest.current();
    const timer = setInterval(tick, everyMs);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [everyMs]);
}
