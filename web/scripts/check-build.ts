/** Prints what the built page weighs; fails where its JavaScript is over its budget, or its CSP would stop it. */

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Bytes, gzipped: our own JavaScript, Uppy and the sign-in together, what is loaded later included. */
const BUDGET = 150 * 1024;

const dist = new URL("../dist/", import.meta.url);
const assets = new URL("assets/", dist);

function weigh(): string[] {
  const sizes = readdirSync(assets).map((name) => ({
    name,
    // as CloudFront compresses: its level is not told, zlib's own is the middle
    bytes: gzipSync(readFileSync(new URL(name, assets))).length,
  }));
  const scripts = sizes.filter(({ name }) => name.endsWith(".js"));
  const total = scripts.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, bytes } of sizes.sort((one, other) => other.bytes - one.bytes)) {
    console.log(`${toKibibytes(bytes)}  ${name}`);
  }
  console.log(`${toKibibytes(total)}  of JavaScript, gzipped; ${BUDGET / 1024} at most`);
  return total > BUDGET ? ["the JavaScript is over its budget"] : [];
}

/** What is written into the page itself, or comes from elsewhere: `script-src 'self'; style-src 'self'` has neither. */
function findInline(): string[] {
  const page = readFileSync(new URL("index.html", dist), "utf-8");
  const kinds: [string, RegExp][] = [
    ["an inline script", /<script(?![^>]*\ssrc=)/i],
    ["an inline style", /<style|\sstyle=/i],
    ["an inline handler", /<[^>]+\son\w+=/i],
    ["another host", /(?:src|href)="(?:[a-z]+:)?\/\//i],
  ];
  return kinds.filter(([, pattern]) => pattern.test(page)).map(([kind]) => `index.html has ${kind}`);
}

function toKibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1).padStart(7)} KiB`;
}

for (const problem of [...weigh(), ...findInline()]) {
  console.error(`error: ${problem}`);
  process.exitCode = 1;
}
