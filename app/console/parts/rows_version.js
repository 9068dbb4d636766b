import { effect, useEffect, useState } from "../vendor/preact.js";

/**
 * Render again when tasks of a run changed, but at most every so often: what is counted or sorted over all of them
 * must not be at every frame.
 * @param {import("../run.js").Run} run @param {number} everyMs
 * @returns {number} changes with them: for the inputs of `useMemo`
 */
export function useRowsVersion(run, everyMs) {
  const [version, setVersion] = useState(run.tasksVersion.peek());
  useEffect(() => {
    let timer = 0;
    let shownAt = -Infinity;
    const show = () => {
      timer = 0;
      shownAt = performance.now();
      setVersion(run.tasksVersion.peek());
    };
    const stop = effect(() => {
      run.tasksVersion.value;
      if (!timer) timer = setTimeout(show, Math.max(shownAt + everyMs - performance.now(), 0));
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [run, everyMs]);
  return version;
}
