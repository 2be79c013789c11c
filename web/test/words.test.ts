import { describe, expect, it } from "vitest";
import { ApiProblem } from "../src/api/problem.ts";
import type { UploadState, UploadView } from "../src/api/types.ts";
import { describeFile, describeView, isEnd, type LocalFacts, tally, tellTally } from "../src/status/words.ts";

const view = (state: UploadState, more: Partial<UploadView> = {}): UploadView =>
  ({ state, reason: null, rows_out: null, rows_rejected: null, ...more }) as UploadView;

const local = (more: Partial<LocalFacts>): LocalFacts => ({
  phase: "uploading",
  sentBytes: 0,
  size: 100,
  problem: null,
  ...more,
});

describe("a view", () => {
  it.each<[UploadState, number, string, string, boolean]>([
    ["AWAITING_UPLOAD", 0, "Not uploaded yet", "idle", false],
    ["EXPIRED", 0, "Never arrived", "warn", true],
    ["CANCELLED", 0, "Cancelled", "idle", true],
    ["PENDING", 1, "Waiting", "active", false],
    ["CLAIMED", 2, "Claimed", "active", false],
    ["RUNNING", 3, "Spark is running", "active", false],
    ["SUCCEEDED", 5, "Result ready", "good", true],
    ["FAILED", 4, "Run failed", "bad", true],
    ["QUARANTINED", 4, "Set aside", "bad", true],
    ["UNROUTED", 1, "No pipeline takes it", "warn", false],
  ])("that is %s is at step %i: %s", (state, done, label, tone, ended) => {
    expect(describeView(view(state))).toMatchObject({ done, label, tone, ended });
    expect(isEnd(state)).toBe(ended);
  });

  it("of a result tells the rows, and warns of rejected ones", () => {
    expect(describeView(view("SUCCEEDED", { rows_out: 27004, rows_rejected: 0 }))).toMatchObject({
      note: "27,004 rows",
      tone: "good",
    });
    expect(describeView(view("SUCCEEDED", { rows_out: 1, rows_rejected: 412 }))).toMatchObject({
      note: "1 row, 412 rejected",
      tone: "warn",
    });
  });

  it("of a failure tells the reason", () => {
    expect(describeView(view("FAILED", { reason: "The bucket is full." })).note).toBe("The bucket is full.");
  });
});

describe("a file of this visit", () => {
  it("tells how much of it is sent", () => {
    expect(describeFile(local({ sentBytes: 42 }), null)).toMatchObject({
      label: "Uploading 42%",
      note: "42 bytes of 100 bytes",
    });
  });

  it("is told by the service only after it was sent, and once the service knows of it", () => {
    expect(describeFile(local({}), view("PENDING")).label).toBe("Uploading 0%");
    expect(describeFile(local({ phase: "uploaded" }), null)).toMatchObject({ label: "Uploaded", done: 1 });
    expect(describeFile(local({ phase: "uploaded" }), view("AWAITING_UPLOAD")).label).toBe("Uploaded");
    expect(describeFile(local({ phase: "uploaded" }), view("RUNNING")).label).toBe("Spark is running");
  });

  it("that broke tells why, and may be tried again", () => {
    const problem = new ApiProblem(0, "network", "No network.");
    expect(describeFile(local({ phase: "broken", problem }), null)).toMatchObject({
      label: "Upload failed",
      note: "No network.",
      tone: "bad",
      ended: false,
    });
  });
});

describe("a tally", () => {
  const ways = [
    describeFile(local({}), null),
    describeFile(local({ phase: "broken" }), null),
    describeView(view("RUNNING")),
    describeView(view("SUCCEEDED")),
    describeView(view("SUCCEEDED", { rows_rejected: 1 })),
    describeView(view("FAILED")),
    describeView(view("CANCELLED")),
  ];

  it("counts each file once", () => {
    expect(tally(ways)).toEqual({ total: 7, moving: 1, working: 1, ready: 1, attention: 3 });
  });

  it("is told as a sentence", () => {
    expect(tellTally(tally(ways))).toBe("7 files: 1 uploading, 1 being worked on, 1 ready, 3 to look at");
    expect(tellTally(tally([]))).toBe("");
  });
});
