import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "../src/api/problem.ts";
import {
  api,
  listRemembered,
  MEBIBYTE,
  makeEngine,
  makeFile,
  PIPELINE,
  reach,
  s3,
  take,
  toXml,
  useFakes,
  watched,
} from "./engine-fakes.ts";

const EXPIRED: [number, string] = [403, toXml("AccessDenied", "Request has expired")];
const LOST: [number, string] = [0, ""];

useFakes();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a small file whose answer was lost", () => {
  const send = () => take(makeEngine(), makeFile("jan.csv", 9));
  const urls = () => s3.puts.map(({ url }) => url);

  it.each(["ConditionalRequestConflict", "OperationAborted"])(
    "asks S3 again after its %s: the first PUT is not through yet",
    async (code) => {
      s3.answers = [LOST, [409, toXml(code)], [409, toXml(code)], [412, toXml("PreconditionFailed")]];
      await reach(send(), "uploaded");
      expect(urls()).toEqual(Array(4).fill("https://s3/link-1"));
      expect(watched).toEqual(["link-1"]);
    },
  );

  it("is not sent by another link where it has landed", async () => {
    s3.answers = [LOST, EXPIRED];
    api.states = ["PENDING"];
    await reach(send(), "uploaded");
    expect(urls()).toEqual(["https://s3/link-1", "https://s3/link-1"]);
    expect(watched).toEqual(["link-1"]);
  });

  it("is waited for, because the service hears of it after S3 has it", async () => {
    s3.answers = [LOST, EXPIRED];
    api.states = ["AWAITING_UPLOAD", "EXPIRED", "CLAIMED"];
    await reach(send(), "uploaded");
    expect(api.links).toHaveLength(1);
    expect(api.looked).toEqual(["link-1", "link-1", "link-1"]);
  });

  it.each(["AWAITING_UPLOAD", "EXPIRED", "CANCELLED"] as const)(
    "goes up by another link where it stays %s",
    async (state) => {
      s3.answers = [LOST, EXPIRED];
      api.states = [state];
      await reach(send(), "uploaded");
      expect(urls().at(-1)).toBe("https://s3/link-2");
      expect(watched).toEqual(["link-2"]);
    },
  );

  it("is asked for before a link is replaced that ran out by the page's own clock", async () => {
    api.expiresAt = new Date(Date.now() + 1000).toISOString();
    api.states = ["RUNNING"];
    s3.hanging = true;
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(() => expect(s3.puts).toHaveLength(1));
    engine.pause(item);
    engine.resume(item);
    await reach(item, "uploaded");
    expect(s3.puts).toHaveLength(1);
    expect(api.links).toHaveLength(1);
  });

  it("is not sent again while nobody can say whether it has landed", async () => {
    s3.answers = [EXPIRED];
    const engine = makeEngine();
    vi.spyOn(api, "readUpload").mockRejectedValueOnce(new ApiProblem(403, "forbidden", "Not you."));
    const item = take(engine, makeFile("jan.csv", 9));
    await reach(item, "broken");
    expect(item.problem.value?.message).toBe("Not you.");
    expect(api.links).toHaveLength(1);
  });

  it("that was cancelled meanwhile stays cancelled", async () => {
    s3.answers = [LOST, EXPIRED];
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(100);
      expect(api.looked).toHaveLength(1);
    });
    engine.cancel(item);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(item.phase.value).toBe("cancelled");
    expect(api.links).toHaveLength(1);
  });
});

describe("S3's errors", () => {
  it.each([
    [404, "NoSuchBucket"],
    [410, "Gone"],
  ])("with the status %i are no word of the API that an upload is over", async (status, code) => {
    s3.answers = [[status, toXml(code)]];
    const item = take(makeEngine(), makeFile("jan.csv", 9));
    await reach(item, "broken");
    expect(item.problem.value?.message).toContain(code);
    expect(api.links).toHaveLength(1);
  });

  it("of a part whose link ran out leave the upload and its parts", async () => {
    s3.answers = Array(24).fill(EXPIRED);
    const item = take(makeEngine(), makeFile("big.csv", 12 * MEBIBYTE));
    await reach(item, "uploaded");
    expect(api.begun).toBe(1);
    expect(watched).toEqual(["parts-1"]);
  });
});

describe("a large file that was completed unheard", () => {
  const big = makeFile("big.csv", 12 * MEBIBYTE);
  const lost = new ApiProblem(401, "unknown", "The answer was lost.");

  /** Send it until its completion is through, and the answer is not heard. */
  async function lose() {
    const engine = makeEngine();
    api.completeProblem = lost;
    const item = take(engine, big);
    await reach(item, "broken");
    api.completeProblem = null;
    s3.puts = [];
    return { engine, item };
  }

  it("is there when it is tried again", async () => {
    const { engine, item } = await lose();
    engine.retry(item);
    await reach(item, "uploaded");
    expect(s3.puts).toEqual([]);
    expect(api.begun).toBe(1);
    expect(api.completed).toEqual(["parts-1", "parts-1"]);
    expect(watched).toEqual(["parts-1"]);
    expect(listRemembered()).toEqual([]);
  });

  it.each([true, false])(
    "is there when it is dropped on the next visit (looked at before: %s)",
    async (looks) => {
      await lose();
      const engine = makeEngine();
      if (looks) {
        await engine.loadInterrupted();
        expect(engine.interrupted.value).toEqual([]);
      }
      const item = take(engine, big);
      await reach(item, "uploaded");
      expect(s3.puts).toEqual([]);
      expect(api.begun).toBe(1);
      expect(watched).toEqual(["parts-1"]);
      expect(listRemembered()).toEqual([]);
      expect(engine.interrupted.value).toEqual([]);
    },
  );

  it("begins anew where the conflict is that it was cancelled", async () => {
    s3.answers = [[403, ""]];
    await reach(take(makeEngine(), big), "broken");
    const conflict = new ApiProblem(409, "conflict", "upload parts-1 is CANCELLED already");
    vi.spyOn(api, "readParts").mockRejectedValueOnce(conflict).mockRejectedValueOnce(conflict);
    vi.spyOn(api, "complete").mockRejectedValueOnce(conflict);
    const engine = makeEngine();
    expect(engine.add([big], PIPELINE)).toEqual([]);
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1000);
      expect(watched).toEqual(["parts-2"]);
    });
    expect(api.completed).toEqual(["parts-2"]);
  });
});
