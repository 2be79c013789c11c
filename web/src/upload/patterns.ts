/**
 * Key patterns, by the rules of the pipeline files: `*` stands for any characters except `/`, `**` for any
 * characters, `?` for one character except `/`; all else for itself, and case counts.
 */

const TOKEN = /\*\*+|\*|\?|[^*?]/gsu;
const SYNTAX = /[\\^$.*+?()[\]{}|/]/u;

/** Stands for the id of whichever upload. */
const ANY_ULID = "0".repeat(26);

/** Whether a pattern takes a key. */
export function matchPattern(pattern: string, key: string): boolean {
  return new RegExp(`^(?:${toRegex(pattern)})$`, "su").test(key);
}

function toRegex(pattern: string): string {
  return (pattern.match(TOKEN) ?? []).map(toRegexToken).join("");
}

function toRegexToken(token: string): string {
  if (token.startsWith("**")) {
    return ".*";
  }
  if (token === "*") {
    return "[^/]*";
  }
  if (token === "?") {
    return "[^/]";
  }
  return SYNTAX.test(token) ? `\\${token}` : token;
}

/**
 * The folders of a pattern in which a file of a given name is put: all before its first wildcard's segment.
 * null where the first folder is no literal: such a pattern takes direct drops only.
 */
export function literalFolder(pattern: string): string | null {
  const segments = pattern.split("/");
  const wild = segments.findIndex((segment) => /[*?]/.test(segment));
  const folders = segments.slice(0, wild === -1 ? segments.length - 1 : Math.min(wild, segments.length - 1));
  return folders.length ? `${folders.join("/")}/` : null;
}

/**
 * Whether a file of this name fits one of a pipeline's patterns. The API puts an upload's id behind the first
 * folder; a pattern may take that folder as one of its own, or be blind to it.
 */
export function takesName(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const folder = literalFolder(pattern);
    if (folder === null) {
      return false;
    }
    const key = folder + name;
    return matchPattern(pattern, key) || matchPattern(pattern, key.replace("/", `/${ANY_ULID}/`));
  });
}

/** A pattern as somebody with a file thinks of it: `*.csv` for `flights/*.csv`. */
export function toNamePattern(pattern: string): string {
  const name = pattern.slice(literalFolder(pattern)?.length ?? 0);
  return name.replace(/^(?:\*+\/)+(?=.)/, "").replace(/\*\*+/g, "*");
}
