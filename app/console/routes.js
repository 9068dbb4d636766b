// The URL and the screen it means. All that is selected stands in the URL, so that it can be shared and gone back to.
import { signal } from "./vendor/preact.js";

const BASE = "/console";

/**
 * @typedef {{ screen: string, params: Record<string, string>, query: Record<string, string>, path: string }} Place
 * `screen` is the module's name in screens/, `path` has neither base nor query.
 */

/** @type {[RegExp, string, string[]][]} pattern of the path, screen, names of the groups */
const TABLE = [
  [/^\/$/, "runs", []],
  [/^\/new$/, "new_run", []],
  [/^\/runs\/([^/]+)$/, "run", ["id"]],
  [/^\/graphs$/, "graphs", []],
  [/^\/graphs\/([^/]+)$/, "builder", ["id"]],
  [/^\/providers$/, "providers", []],
  [/^\/keys$/, "keys", []],
];

/** @param {Location | URL} location @returns {Place} */
export function placeOf(location) {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "") || "/";
  const query = Object.fromEntries(new URLSearchParams(location.search));
  for (const [pattern, screen, names] of TABLE) {
    const match = pattern.exec(path);
    if (match) {
      const params = Object.fromEntries(names.map((name, at) => [name, decoded(match[at + 1])]));
      return { screen, params, query, path };
    }
  }
  return { screen: "not_found", params: {}, query, path };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign: whatever it names is not found
  }
}

/** Where we are. @type {import("./vendor/preact.js").Signal<Place>} */
export const place = signal(placeOf(window.location));

/**
 * The URL of a screen: `href("/runs/swm_1", { tab: "graph" })`.
 * @param {string} path below /console, its parts already encoded
 * @param {Record<string, string | number | null | undefined>} [query] null, undefined and "" are left out
 */
export function href(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `${BASE}${path === "/" ? "" : path}${text ? `?${text}` : ""}`;
}

/**
 * Go to a URL of ours without loading the page anew.
 * @param {string} url as `href` gives it
 * @param {{ replace?: boolean }} [options] replace: leave no entry in the history
 */
export function go(url, { replace = false } = {}) {
  if (url !== window.location.pathname + window.location.search) {
    if (replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
  }
  const before = place.peek();
  place.value = placeOf(window.location);
  if (place.peek().path !== before.path) scrollTo(0, 0);
}

/**
 * Change parts of the query of the screen that is shown: `setQuery({ task: null })`.
 * @param {Record<string, string | number | null | undefined>} change null takes a part away
 * @param {{ replace?: boolean }} [options] replace is the default: filters are no steps to go back through
 */
export function setQuery(change, { replace = true } = {}) {
  const { path, query } = place.peek();
  go(href(path, { ...query, ...change }), { replace });
}

addEventListener("popstate", () => {
  place.value = placeOf(window.location);
});

// A link to a screen is an ordinary link: it opens in a new tab, can be copied, and is followed here without a load.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
    return;
  }
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  const ours = url.origin === window.location.origin && (url.pathname === BASE || url.pathname.startsWith(`${BASE}/`));
  if (!ours || url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search);
});
