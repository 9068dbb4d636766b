// Types of vendor/preact.js, for the check of the console's modules; the bundle itself carries none.

export interface VNode {
  type: unknown;
  props: Record<string, any>;
  key: any;
}
export type Child = VNode | string | number | bigint | boolean | null | undefined | Signal<any> | Child[];
export type Props = Record<string, any>;
export type FunctionComponent = (props: any) => Child;

export class Component<P = any, S = any> {
  constructor(props?: P, context?: any);
  props: P & { children?: Child };
  state: S;
  context: any;
  setState(change: Partial<S> | ((state: S, props: P) => Partial<S> | null), done?: () => void): void;
  forceUpdate(done?: () => void): void;
  componentDidMount?(): void;
  componentWillUnmount?(): void;
  componentDidCatch?(error: any, info: any): void;
  componentDidUpdate?(before: P, state: S, snapshot: any): void;
  shouldComponentUpdate?(next: P, state: S): boolean;
  render(props?: P, state?: S): Child;
}

export interface Ref<T> {
  current: T;
}
export interface Context<T> {
  Provider: FunctionComponent;
  Consumer: FunctionComponent;
  displayName?: string;
  readonly _type?: T;
}

export function h(type: any, props: Props | null, ...children: Child[]): VNode;
export function html(strings: TemplateStringsArray, ...values: any[]): VNode;
export const Fragment: FunctionComponent;
export function render(node: Child, parent: Element | DocumentFragment | ShadowRoot): void;
export function createContext<T>(value: T): Context<T>;
export function createRef<T = any>(): Ref<T | null>;
export function cloneElement(node: VNode, props?: Props, ...children: Child[]): VNode;

export function useState<S>(first: S | (() => S)): [S, (next: S | ((state: S) => S)) => void];
export function useState<S = any>(): [S | undefined, (next: S) => void];
export function useEffect(run: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(run: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useRef<T = any>(first?: any): Ref<T>;
export function useMemo<T>(make: () => T, inputs?: readonly unknown[]): T;
export function useCallback<F extends (...args: any[]) => any>(call: F, inputs: readonly unknown[]): F;
export function useContext<T>(context: Context<T>): T;
export function useErrorBoundary(call?: (error: any) => void): [any, () => void];
export function useId(): string;

export interface ReadonlySignal<T> {
  readonly value: T;
  peek(): T;
  subscribe(call: (value: T) => void): () => void;
}
export interface Signal<T> extends ReadonlySignal<T> {
  value: T;
}
export function signal<T>(value: T): Signal<T>;
export function signal<T = any>(): Signal<T | undefined>;
export function computed<T>(make: () => T): ReadonlySignal<T>;
export function effect(run: () => void | (() => void)): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T>(value: T): Signal<T>;
export function useSignal<T = any>(): Signal<T | undefined>;
export function useComputed<T>(make: () => T): ReadonlySignal<T>;
export function useSignalEffect(run: () => void | (() => void)): void;
