// Bundles the front end into the Python package: one module and one stylesheet per widget, and
// `standalone.js`, which runs a widget in a page without a kernel (see src/standalone.ts).
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "critwin_widgets", "widgets", "static");
const pkg = JSON.parse(await readFile(join(here, "package.json"), "utf8"));

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/*! ${pkg.name} ${pkg.version}, ${pkg.license}; bundles d3 modules (ISC) */` },
  logLevel: "warning",
};

/** The finished stylesheet as a string: `import css from "….css"` in a script. */
const cssAsText = {
  name: "css-as-text",
  setup(plugins) {
    plugins.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const sheet = { bundle: true, minify: true, charset: "utf8", write: false };
      const done = await build({ ...sheet, entryPoints: [path], logLevel: "warning" });
      return { contents: done.outputFiles[0].text, loader: "text" };
    });
  },
};

/** @type {import("esbuild").BuildOptions[]} */
const targets = [
  ...["hierarchy_tree", "feature_timeline"].flatMap((widget) => [
    {
      ...common,
      entryPoints: [join(here, `src/${widget}/index.ts`)],
      outfile: join(out, `${widget}.js`),
    },
    {
      ...common,
      banner: {},
      entryPoints: [join(here, `src/${widget}/style.css`)],
      outfile: join(out, `${widget}.css`),
    },
  ]),
  {
    ...common,
    // An IIFE with a global, so that a page saved to disk can inline it in a plain <script>
    // (module scripts do not load from file:// in every browser).
    format: "iife",
    globalName: "critwin",
    plugins: [cssAsText],
    entryPoints: [join(here, "src/standalone.ts")],
    outfile: join(out, "standalone.js"),
  },
];

await mkdir(out, { recursive: true });
if (process.argv.includes("--watch")) {
  for (const options of targets) await (await context(options)).watch();
} else {
  await Promise.all(targets.map((options) => build(options)));
}
