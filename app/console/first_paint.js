// Before anything is drawn: the theme that was chosen, else the system's, so that the page never flashes in the other.
// A classic script, since a module would run after the first frame. theme.js goes on from here.
(() => {
  let chosen = /** @type {string | null} */ (null);
  try {
    chosen = localStorage.getItem("swarmd.theme");
  } catch {
    // Storage is refused (a setting of the browser): the system's theme it is.
  }
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = chosen === "dark" || chosen === "light" ? chosen : system;
})();
