// Dark and light: as the system has it until a person chooses here, which the browser remembers.
import { effect, signal } from "./vendor/preact.js";

const STORED = "swarmd.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"dark" | "light" | null} what was chosen in this browser */
function chosen() {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "dark" || stored === "light" ? stored : null;
  } catch {
    return null; // storage is refused: nothing was ever kept
  }
}

const ofSystem = () => (system.matches ? "dark" : "light");

/** What is shown now; canvases redraw when it changes. @type {import("./vendor/preact.js").Signal<"dark" | "light">} */
export const theme = signal(chosen() ?? ofSystem());

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

system.addEventListener("change", () => {
  if (chosen() === null) theme.value = ofSystem();
});

/** Change to the other theme and remember it; the system's own choice is forgotten again when they agree. */
export function toggleTheme() {
  const next = theme.peek() === "dark" ? "light" : "dark";
  try {
    if (next === ofSystem()) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, next);
  } catch {
    // Storage is refused: the choice lasts until the page is left.
  }
  theme.value = next;
}

/**
 * The value of a token of style/tokens.css in the theme shown now, for what is drawn on a canvas.
 * @param {string} name such as `--running`
 */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
