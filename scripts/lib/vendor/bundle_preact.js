// All that the console uses of Preact, its hooks, its signals and htm, in one module, so that there is one copy of each.
import { h } from "preact";
import htm from "htm";

export {
  Component,
  Fragment,
  cloneElement,
  createContext,
  createRef,
  h,
  render,
} from "preact";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "preact/hooks";
export {
  batch,
  computed,
  effect,
  signal,
  untracked,
  useComputed,
  useSignal,
  useSignalEffect,
} from "@preact/signals";
export const html = htm.bind(h);
