/** Prints what the page weighs, and fails where its JavaScript is over its budget. */

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Bytes, gzipped: our own JavaScript, Uppy and the sign-in together, what is loaded later included. */
const BUDGET = 150 * 1024;

const assets = new URL("../dist/assets/", import.meta.url);
const sizes = readdirSync(assets).map((name) => ({
  name,
  // as CloudFront compresses: its level is not told, zlib's own is the middle
  bytes: gzipSync(readFileSync(new URL(name, assets))).length,
}));
const scripts = sizes.filter(({ name }) => name.endsWith(".js"));
const total = scripts.reduce((sum, { bytes }) => sum + bytes, 0);

for (const { name, bytes } of sizes.sort((one, other) => other.bytes - one.bytes)) {
  console.log(`${(bytes / 1024).toFixed(1).padStart(7)} KiB  ${name}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(7)} KiB  of JavaScript, gzipped; ${BUDGET / 1024} at most`);
if (scripts.length === 0 || total > BUDGET) {
  console.error("error: the page is over its budget, or was not built");
  process.exitCode = 1;
}
