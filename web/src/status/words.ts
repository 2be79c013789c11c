import type { ApiProblem } from "../api/problem.ts";
import type { UploadState, UploadView } from "../api/types.ts";
import { formatBytes, formatCount, formatPlural, toPercent } from "../format.ts";

/** Where a file of this visit stands before the service tells of it. */
export type Phase =
  | "queued"
  | "checking"
  | "uploading"
  | "paused"
  | "completing"
  | "broken"
  | "cancelled"
  | "uploaded";

export type Tone = "idle" | "active" | "good" | "warn" | "bad";

/** The steps of a file's way, as the page draws them. */
export const STEPS = ["Uploaded", "Waiting", "Claimed", "Spark", "Result"] as const;

/** A file's way as it is drawn and told. */
export interface Way {
  /** how many steps are behind it, 0 to 5 */
  done: number;
  /** what it is at now, or what it ended at */
  label: string;
  /** a few more words, shown beside the label; empty where there is nothing to add */
  note: string;
  tone: Tone;
  /** whether nothing more will happen by itself */
  ended: boolean;
}

/** What is known of a file while this page uploads it. */
export interface LocalFacts {
  phase: Phase;
  sentBytes: number;
  size: number;
  problem: ApiProblem | null;
}

const ENDS: ReadonlySet<UploadState> = new Set([
  "EXPIRED",
  "CANCELLED",
  "SUCCEEDED",
  "FAILED",
  "QUARANTINED",
]);

/** Whether an upload's state is an end. UNROUTED is none: a pipeline may come that takes it. */
export function isEnd(state: UploadState): boolean {
  return ENDS.has(state);
}

/** Tell where a file stands: by the service as soon as it knows the file, before that by the page. */
export function describeFile(local: LocalFacts, view: UploadView | null): Way {
  if (local.phase === "uploaded" && view && view.state !== "AWAITING_UPLOAD") {
    return describeView(view);
  }
  return describePhase(local);
}

function describePhase({ phase, sentBytes, size, problem }: LocalFacts): Way {
  const sent = `${formatBytes(sentBytes)} of ${formatBytes(size)}`;
  switch (phase) {
    case "queued":
      return way(0, "Queued", "", "idle");
    case "checking":
      return way(0, "Checking", "computing its checksum", "active");
    case "uploading":
      return way(0, `Uploading ${toPercent(sentBytes, size)}%`, sent, "active");
    case "paused":
      return way(0, `Paused at ${toPercent(sentBytes, size)}%`, sent, "idle");
    case "completing":
      return way(0, "Uploading 100%", "putting the parts together", "active");
    case "broken":
      return way(0, "Upload failed", problem?.message ?? "", "bad");
    case "cancelled":
      return way(0, "Cancelled", "", "idle", true);
    case "uploaded":
      return way(1, "Uploaded", "arriving", "active");
  }
}

/** Tell where an upload stands, by the service's word alone. */
export function describeView(view: UploadView): Way {
  switch (view.state) {
    case "AWAITING_UPLOAD":
      return way(0, "Not uploaded yet", "", "idle");
    case "EXPIRED":
      return way(0, "Never arrived", "its link ran out", "warn", true);
    case "CANCELLED":
      return way(0, "Cancelled", "", "idle", true);
    case "PENDING":
      return way(1, "Waiting", "for the next batch", "active");
    case "CLAIMED":
      return way(2, "Claimed", "its batch is about to start", "active");
    case "RUNNING":
      return way(3, "Spark is running", "", "active");
    case "UNROUTED":
      return way(1, "No pipeline takes it", view.reason ?? "", "warn");
    case "QUARANTINED":
      return way(4, "Set aside", view.reason ?? "its content could not be read", "bad", true);
    case "FAILED":
      return way(4, "Run failed", view.reason ?? "Spark ended with an error", "bad", true);
    case "SUCCEEDED":
      return describeResult(view);
  }
}

function describeResult({ rows_out, rows_rejected }: UploadView): Way {
  const rows = rows_out === null ? "" : formatPlural(rows_out, "row");
  if (rows_rejected) {
    return way(5, "Result ready", `${rows}, ${formatCount(rows_rejected)} rejected`, "warn", true);
  }
  return way(5, "Result ready", rows, "good", true);
}

function way(done: number, label: string, note: string, tone: Tone, ended = false): Way {
  return { done, label, note, tone, ended };
}

/** How many files of this visit stand where. */
export interface Tally {
  total: number;
  moving: number;
  working: number;
  ready: number;
  attention: number;
}

/** Count ways: moving to S3, worked on by the service, ready, and those that somebody has to look at. */
export function tally(ways: readonly Way[]): Tally {
  const counts = { total: ways.length, moving: 0, working: 0, ready: 0, attention: 0 };
  for (const { done, tone, ended } of ways) {
    if (tone === "bad" || tone === "warn") {
      counts.attention += 1;
    } else if (done === 5) {
      counts.ready += 1;
    } else if (!ended) {
      counts[done === 0 ? "moving" : "working"] += 1;
    }
  }
  return counts;
}

/** A tally as one sentence, for the line above the files and for screen readers. */
export function tellTally({ total, moving, working, ready, attention }: Tally): string {
  if (total === 0) {
    return "";
  }
  const parts = [
    moving ? `${formatCount(moving)} uploading` : "",
    working ? `${formatCount(working)} being worked on` : "",
    ready ? `${formatCount(ready)} ready` : "",
    attention ? `${formatCount(attention)} to look at` : "",
  ].filter(Boolean);
  return `${formatPlural(total, "file")}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}
