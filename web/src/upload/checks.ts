import type { Pipeline } from "../api/types.ts";
import { formatBytes } from "../format.ts";
import { takesName, toNamePattern } from "./patterns.ts";

/** What a file shows before it is read. */
export interface Candidate {
  name: string;
  size: number;
}

// The API's rules of names, so that what it would refuse is told before anything is asked.
const NAME_LIMIT = 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f/\\]/;

/** Why a pipeline would not take a file, in plain words; null where it would. */
export function findRefusal(file: Candidate, pipeline: Pipeline): string | null {
  if (!pipeline.may_upload) {
    return `You may look at ${pipeline.name}, but not upload to it.`;
  }
  if (file.size === 0) {
    return "The file is empty.";
  }
  if (file.size > pipeline.max_bytes) {
    return `The file is ${formatBytes(file.size)}; ${pipeline.name} takes up to ${formatBytes(pipeline.max_bytes)}.`;
  }
  if ([...file.name].length > NAME_LIMIT) {
    return `The name is longer than ${NAME_LIMIT} characters.`;
  }
  if (FORBIDDEN.test(file.name)) {
    return "The name holds characters that cannot be shown, or a slash. Rename the file.";
  }
  if (!takesName(pipeline.patterns, file.name)) {
    return `${pipeline.name} takes ${listNames(pipeline)}.`;
  }
  return null;
}

/** The names that a pipeline takes, as a list: `*.csv or *.csv.gz`. */
export function listNames(pipeline: Pipeline): string {
  const names = [...new Set(pipeline.patterns.map(toNamePattern))];
  const last = names.pop();
  return names.length ? `${names.join(", ")} or ${last}` : (last ?? "nothing");
}
