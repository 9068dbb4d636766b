// Writes app/console/vendor anew from the installed packages: run by scripts/vendor, in this folder.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const target = process.argv[2];
const es = { format: "esm", target: "es2022", minify: true, legalComments: "none", logLevel: "warning" };

// AntV X6 writes its rules into style elements, which the console's CSP refuses: style/builder.css has those it needs.
const noStyles = {
  name: "no style elements",
  setup(build) {
    build.onLoad({ filter: /@antv[\\/]x6[\\/]es[\\/]common[\\/]css-loader[\\/]index\.js$/ }, () => ({
      contents: "export function ensure() {}\nexport function clean() {}\n",
    }));
  },
};

// One entry a file that is written: what it is made of, and whose work is in it.
const FILES = [
  { file: "preact.js", from: "bundle_preact.js", of: ["preact", "@preact/signals", "@preact/signals-core", "htm"] },
  { file: "preact.d.ts", copy: "preact.d.ts", of: [] },
  { file: "uplot.js", from: "node_modules/uplot/dist/uPlot.esm.js", of: ["uplot"] },
  { file: "uplot.css", copy: "node_modules/uplot/dist/uPlot.min.css", of: ["uplot"] },
  { file: "x6.js", from: "bundle_x6.js", of: ["@antv/x6", "lodash-es", "tslib"] },
  { file: "x6.d.ts", copy: "x6.d.ts", of: [] },
  { file: "uplot.d.ts", copy: "node_modules/uplot/dist/uPlot.d.ts", of: ["uplot"] },
];

const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
const described = (name) => JSON.parse(readFileSync(join("node_modules", name, "package.json"), "utf8"));
const repository = (about) =>
  (typeof about.repository === "string" ? about.repository : about.repository.url)
    .replace(/^git\+/, "")
    .replace(/\.git$/, "")
    .replace(/^(github:)?([\w.-]+\/[\w.-]+)$/, "https://github.com/$2");

mkdirSync(target, { recursive: true });
const entries = [];
for (const { file, from, copy, of } of FILES) {
  const path = join(target, file);
  if (copy) copyFileSync(copy, path);
  else await build({ ...es, entryPoints: [from], bundle: true, plugins: [noStyles], outfile: path });
  const parts = of.map((name) => {
    const about = described(name);
    return { name, version: about.version, license: about.license, source: repository(about) };
  });
  entries.push({ file, sha256: sha256(path), parts });
}

const names = [...new Set(FILES.flatMap(({ of }) => of))].sort();
const licenses = names.map((name) => {
  const file = readdirSync(join("node_modules", name)).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  const text = readFileSync(join("node_modules", name, file), "utf8").replace(/\r\n/g, "\n").trim();
  return `${name} ${described(name).version}\n\n${text}\n`;
});
writeFileSync(join(target, "LICENSES.txt"), licenses.join(`\n${"-".repeat(80)}\n\n`));
writeFileSync(join(target, "VENDOR.json"), `${JSON.stringify(entries, null, 2)}\n`);
