import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "../src/api/problem.ts";
import { hashBlob } from "../src/upload/hashing.ts";
import {
  api,
  listRemembered,
  MEBIBYTE,
  makeEngine,
  makeFile,
  PART,
  PIPELINE,
  reach,
  s3,
  take,
  useFakes,
  watched,
} from "./engine-fakes.ts";

useFakes();

describe("a small file", () => {
  it("goes up in one PUT, with the headers of its link but Content-Length, and is followed", async () => {
    const file = makeFile("jan.csv", 9);
    const item = take(makeEngine(), file);
    await reach(item, "uploaded");
    const sha256 = await hashBlob(file);
    expect(api.links).toEqual([
      { pipeline: "flights", filename: "jan.csv", size: 9, sha256, content_type: "text/csv" },
    ]);
    expect(s3.puts).toEqual([
      { url: "https://s3/link-1", headers: { "x-amz-checksum-sha256": sha256 }, size: 9 },
    ]);
    expect(watched).toEqual(["link-1"]);
  });

  it("has arrived where S3 says that it is there already: an answer was lost", async () => {
    s3.answers = [[412, "<Error><Code>PreconditionFailed</Code></Error>"]];
    await reach(take(makeEngine(), makeFile("jan.csv", 9)), "uploaded");
  });

  it("gets another link where its own ran out on the way", async () => {
    s3.answers = [[403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"]];
    const item = take(makeEngine(), makeFile("jan.csv", 9));
    await reach(item, "uploaded");
    expect(s3.puts.map(({ url }) => url)).toEqual(["https://s3/link-1", "https://s3/link-2"]);
    expect(watched).toEqual(["link-2"]);
  });

  it("that is refused tells why, and goes up when it is tried again", async () => {
    api.problem = new ApiProblem(422, "refused", "Not here.");
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await reach(item, "broken");
    expect(item.way.value).toMatchObject({ label: "Upload failed", note: "Not here." });
    api.problem = null;
    engine.retry(item);
    await reach(item, "uploaded");
  });

  it("that is paused goes on with the same link", async () => {
    s3.hanging = true;
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(() => expect(s3.puts).toHaveLength(1));
    engine.pause(item);
    expect(item.phase.value).toBe("paused");
    s3.hanging = false;
    engine.resume(item);
    await reach(item, "uploaded");
    expect(s3.puts.map(({ url }) => url)).toEqual(["https://s3/link-1", "https://s3/link-1"]);
  });

  it("that is cancelled is taken back from the API", async () => {
    s3.hanging = true;
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(() => expect(s3.puts).toHaveLength(1));
    engine.cancel(item);
    expect(item.phase.value).toBe("cancelled");
    expect(api.cancelled).toEqual(["link-1"]);
    expect(engine.movingCount.value).toBe(0);
  });

  it("is not taken twice while it is on its way", async () => {
    const engine = makeEngine();
    const file = makeFile("jan.csv", 9);
    const item = take(engine, file);
    expect(engine.add([file], PIPELINE)).toEqual([
      { name: "jan.csv", reason: "This file is on its way already." },
    ]);
    await reach(item, "uploaded");
  });
});

describe("a large file", () => {
  it("goes up in the parts that the API says, and is forgotten when it is there", async () => {
    const item = take(makeEngine(), makeFile("big.csv", 12 * MEBIBYTE));
    await reach(item, "uploaded");
    expect(s3.numbers).toEqual(["1", "2", "3"]);
    expect(s3.puts.reduce((sum, { size }) => sum + size, 0)).toBe(12 * MEBIBYTE);
    expect(api.completed).toEqual(["parts-1"]);
    expect(listRemembered()).toEqual([]);
  });

  it("that broke keeps what has arrived, for this visit and the next", async () => {
    s3.answers = [[403, "<Error><Code>AccessDenied</Code></Error>"]];
    const engine = makeEngine();
    const item = take(engine, makeFile("big.csv", 12 * MEBIBYTE));
    await reach(item, "broken");
    expect(item.problem.value?.message).toContain("AccessDenied");
    expect(api.cancelled).toEqual([]);
    expect(makeEngine().interrupted.value).toMatchObject([
      { entry: { upload_id: "parts-1", name: "big.csv" } },
    ]);
  });

  it("that is tried again sends what is missing", async () => {
    s3.answers = [[403, ""]];
    const engine = makeEngine();
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    const item = take(engine, file);
    await reach(item, "broken");
    api.parts.set(2, { part_number: 2, size: PART, sha256: await hashBlob(file.slice(PART, 2 * PART)) });
    s3.puts = [];
    engine.retry(item);
    await reach(item, "uploaded");
    expect(s3.numbers).toEqual(["1", "3"]);
    expect(api.begun).toBe(1);
  });

  it("of an earlier visit sends what is missing, and what is another than before", async () => {
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    s3.answers = [[403, ""]];
    await reach(take(makeEngine(), file), "broken");
    const sha256 = await hashBlob(file.slice(0, PART));
    api.parts.set(1, { part_number: 1, size: PART, sha256 });
    api.parts.set(2, { part_number: 2, size: PART, sha256: "0".repeat(64) });
    s3.puts = [];

    const engine = makeEngine();
    const item = take(engine, file);
    await reach(item, "uploaded");
    expect(s3.numbers).toEqual(["2", "3"]);
    expect(api.begun).toBe(1);
    expect(engine.interrupted.value).toEqual([]);
  });

  it("whose earlier upload is over begins anew", async () => {
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    s3.answers = [[403, ""]];
    await reach(take(makeEngine(), file), "broken");
    const engine = makeEngine();
    api.problem = new ApiProblem(410, "expired", "Over.");
    await engine.loadInterrupted();
    expect(engine.interrupted.value).toEqual([]);
    api.problem = null;
    await reach(take(engine, file), "uploaded");
    expect(api.completed).toEqual(["parts-2"]);
  });
});
