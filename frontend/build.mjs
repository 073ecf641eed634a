// Builds src/ into the package's static folder: hashed names, a manifest, and gzip and Brotli copies.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

import * as esbuild from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.resolve(here, "../src/wattkeep/web/static/dist");
// Built aside and swapped in at the end: a server that is running never sees half of it.
const draft = `${dist}.new`;
const manifest = {};

function keep(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  const { name: stem, ext } = path.parse(name);
  manifest[name] = `${stem}-${hash}${ext}`;
  writeFileSync(path.join(draft, manifest[name]), content);
}

async function buildScripts() {
  const result = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [
      "base.js", "channels.js", "dashboard.js", "devices.js", "energy.js", "exports.js", "history.js",
      "overview.js", "report.js", "rule.js", "wizard.js",
    ].map((name) => `src/${name}`),
    outdir: draft,
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["chrome120", "firefox120", "safari17.2"],
    minify: true,
    metafile: true,
    logLevel: "warning",
  });
  for (const [file, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) manifest[path.basename(output.entryPoint)] = path.basename(file);
  }
}

function buildStyles() {
  const cli = createRequire(import.meta.url).resolve("@tailwindcss/cli/package.json");
  const target = path.join(draft, "app.css");
  execFileSync(
    process.execPath,
    [path.join(path.dirname(cli), "dist/index.mjs"), "-i", "src/app.css", "-o", target, "--minify"],
    { cwd: here, stdio: ["ignore", "ignore", "inherit"] },
  );
  const css = readFileSync(target);
  rmSync(target);
  keep("app.css", css);
}

function compress(file) {
  const content = readFileSync(file);
  writeFileSync(`${file}.gz`, zlib.gzipSync(content, { level: 9 }));
  writeFileSync(`${file}.br`, zlib.brotliCompressSync(content));
}

rmSync(draft, { recursive: true, force: true });
mkdirSync(draft, { recursive: true });
await buildScripts();
buildStyles();
for (const name of readdirSync(path.join(here, "src/icons"))) keep(name, readFileSync(path.join(here, "src/icons", name)));
for (const name of readdirSync(draft)) compress(path.join(draft, name));
writeFileSync(path.join(draft, "manifest.json"), JSON.stringify(manifest, null, 2));
rmSync(dist, { recursive: true, force: true });
renameSync(draft, dist);
