// Puts the console on the page: the bar, the screen that the URL names, what is said above it.
import { key, keyWanted, setKey } from "./key.js";
import { Button } from "./parts/button.js";
import { KeyForm } from "./parts/key_form.js";
import { Failure } from "./parts/notice.js";
import { Skeleton } from "./parts/skeleton.js";
import { Toasts } from "./parts/toast.js";
import { href, place } from "./routes.js";
import { theme, toggleTheme } from "./theme.js";
import { html, render, useEffect, useErrorBoundary, useState } from "./vendor/preact.js";

const PLACES = [
  { title: "Runs", path: "/", screens: ["runs", "run"] },
  { title: "New run", path: "/new", screens: ["new_run"] },
  { title: "Graphs", path: "/graphs", screens: ["graphs", "builder"] },
  { title: "Providers", path: "/providers", screens: ["providers"] },
  { title: "Keys", path: "/keys", screens: ["keys"] },
];

/** @type {Map<string, any>} modules that have come, by screen */
const loaded = new Map();

function Bar() {
  const { screen } = place.value;
  const other = theme.value === "dark" ? "Light" : "Dark";
  return html`<header class="bar">
    <a class="brand" href=${href("/")}>Swarm console</a>
    <nav aria-label="Screens">
      ${PLACES.map(
        ({ title, path, screens }) =>
          html`<a key=${path} href=${href(path)} aria-current=${screens.includes(screen) ? "page" : undefined}>${title}</a>`,
      )}
    </nav>
    ${key.value && html`<${Button} onClick=${() => setKey("")} title="This tab uses an API key">Forget key<//>`}
    <${Button} onClick=${toggleTheme}>${other} theme<//>
  </header>`;
}

/** The screen of the URL; its module comes with the first visit. */
function Screen() {
  const { screen, params, query } = place.value;
  const [, setShown] = useState("");
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let gone = false;
    setError(null);
    import(`./screens/${screen}.js`).then(
      (module) => {
        loaded.set(screen, module.default);
        if (!gone) setShown(screen);
      },
      (reason) => gone || setError(reason),
    );
    return () => {
      gone = true;
    };
  }, [screen]);
  const Shown = loaded.get(screen);
  if (error && !Shown) return html`<${Failure} error=${error} retry=${() => location.reload()} />`;
  if (!Shown) return html`<${Skeleton} />`;
  return html`<${Guarded} key=${`${screen} ${Object.values(params).join(" ")}`}><${Shown} params=${params} query=${query} /><//>`;
}

/** A fault in a screen is told in its place; the bar stays, and every other screen works. */
function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((/** @type {any} */ reason) => console.error(reason));
  return error ? html`<${Failure} error=${error} retry=${reset} />` : children;
}

function App() {
  return html`<a class="skip" href="#main">Skip to the content</a>
    <${Bar} />
    <main id="main" tabindex="-1">${keyWanted.value === null ? html`<${Screen} key=${key.value} />` : html`<${KeyForm} />`}</main>
    <${Toasts} />`;
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
