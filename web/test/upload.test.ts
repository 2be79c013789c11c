import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "../src/api/problem.ts";
import type { Parts, Pipeline } from "../src/api/types.ts";
import { findRefusal, listNames } from "../src/upload/checks.ts";
import { hashBlob, Turnstile } from "../src/upload/hashing.ts";
import { MULTIPART_BYTES, needsParts, partRange } from "../src/upload/parts.ts";
import { readStorageError } from "../src/upload/put.ts";
import { RememberedUploads } from "../src/upload/remembered.ts";
import { RETRY_DELAYS, withRetry } from "../src/upload/retry.ts";
import { PartSigner } from "../src/upload/signer.ts";

const FLIGHTS: Pipeline = {
  name: "flights",
  description: "",
  patterns: ["flights/*.csv", "flights/*.csv.gz"],
  format: "csv",
  max_bytes: 1024 * 1024,
  may_upload: true,
  may_view: true,
};

describe("findRefusal", () => {
  it.each([
    [{ name: "jan.csv", size: 1 }, null],
    [{ name: "jan.csv", size: 1024 * 1024 }, null],
    [{ name: "Jänner 2013 — 航班.csv", size: 1 }, null],
    [{ name: "jan.csv", size: 0 }, "The file is empty."],
    [{ name: "jan.csv", size: 2 * 1024 * 1024 }, "The file is 2 MiB; flights takes up to 1 MiB."],
    [{ name: "jan.txt", size: 1 }, "flights takes *.csv or *.csv.gz."],
    [
      { name: "a\u0007.csv", size: 1 },
      "The name holds characters that cannot be shown, or a slash. Rename the file.",
    ],
    [
      { name: "a\\b.csv", size: 1 },
      "The name holds characters that cannot be shown, or a slash. Rename the file.",
    ],
    [{ name: `${"a".repeat(1021)}.csv`, size: 1 }, "The name is longer than 1024 characters."],
  ])("of %j is %s", (file, reason) => {
    expect(findRefusal(file, FLIGHTS)).toBe(reason);
  });

  it("tells who may only look", () => {
    expect(findRefusal({ name: "jan.csv", size: 1 }, { ...FLIGHTS, may_upload: false })).toContain(
      "not upload",
    );
  });

  it("names each kind of name once", () => {
    expect(listNames({ ...FLIGHTS, patterns: ["a/*.csv", "b/*.csv", "a/*.json", "a/*.gz"] })).toBe(
      "*.csv, *.json or *.gz",
    );
  });
});

describe("parts", () => {
  it("are for what is large, or larger than one PUT may be", () => {
    expect(needsParts(MULTIPART_BYTES, 5 * 1024 ** 3)).toBe(false);
    expect(needsParts(MULTIPART_BYTES + 1, 5 * 1024 ** 3)).toBe(true);
    expect(needsParts(11, 10)).toBe(true);
  });

  it("cover a file without gap or overlap, the last one being what is left", () => {
    expect([1, 2, 3].map((part) => partRange(part, 8, 20))).toEqual([
      { start: 0, end: 8 },
      { start: 8, end: 16 },
      { start: 16, end: 20 },
    ]);
    expect(partRange(2, 8, 16)).toEqual({ start: 8, end: 16 });
    expect(() => partRange(3, 8, 16)).toThrow(RangeError);
    expect(() => partRange(0, 8, 16)).toThrow(RangeError);
  });
});

describe("hashing", () => {
  it("is SHA-256 in hex", async () => {
    expect(await hashBlob(new Blob(["abc"]))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  it("passes one task at a time, after a failed one too", async () => {
    const turnstile = new Turnstile();
    let inside = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await Promise.resolve();
      inside -= 1;
    };
    const failed = turnstile.pass(() => Promise.reject(new Error("unreadable")));
    const passed = Promise.all([turnstile.pass(task), turnstile.pass(task), turnstile.pass(task)]);
    await expect(failed).rejects.toThrow("unreadable");
    await passed;
    expect(most).toBe(1);
  });
});

describe("PartSigner", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const answer = async (_: string, named: string[] = []): Promise<Parts> =>
    ({
      urls: named.map((part) => ({ part_number: Number(part.split(":")[0]), url: `https://s3/${part}` })),
    }) as Parts;

  it("asks once for parts that are ready together, and for each upload by itself", async () => {
    const readParts = vi.fn(answer);
    const signer = new PartSigner({ readParts });
    const links = Promise.all([
      signer.sign("a", 2, "22"),
      signer.sign("a", 1, "11"),
      signer.sign("b", 1, "bb"),
    ]);
    await vi.runAllTimersAsync();
    expect((await links).map(({ url }) => url)).toEqual([
      "https://s3/2:22",
      "https://s3/1:11",
      "https://s3/1:bb",
    ]);
    expect(readParts.mock.calls).toEqual([
      ["a", ["2:22", "1:11"]],
      ["b", ["1:bb"]],
    ]);
  });

  it("asks for a hundred parts at most", async () => {
    const readParts = vi.fn(answer);
    const signer = new PartSigner({ readParts });
    const links = Promise.all(Array.from({ length: 101 }, (_, index) => signer.sign("a", index + 1, "x")));
    await vi.runAllTimersAsync();
    expect(await links).toHaveLength(101);
    expect(readParts.mock.calls.map(([, named]) => named?.length)).toEqual([100, 1]);
  });

  it("fails every part that it asked for, and each that got no link", async () => {
    const gone = new ApiProblem(410, "expired", "");
    const failing = new PartSigner({ readParts: () => Promise.reject(gone) });
    const failed = Promise.allSettled([failing.sign("a", 1, "x"), failing.sign("a", 2, "x")]);
    await vi.runAllTimersAsync();
    expect((await failed).map((end) => end.status === "rejected" && end.reason)).toEqual([gone, gone]);

    const forgetful = new PartSigner({ readParts: async () => ({ urls: [] }) as unknown as Parts });
    const missing = Promise.allSettled([forgetful.sign("a", 7, "x")]);
    await vi.runAllTimersAsync();
    expect(await missing).toMatchObject([{ status: "rejected", reason: { kind: "incomplete" } }]);
  });
});

describe("withRetry", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("navigator", { onLine: true });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("goes on after what passes, and gives up in the end", async () => {
    const task = vi
      .fn()
      .mockRejectedValueOnce(new ApiProblem(503, "unknown", ""))
      .mockResolvedValue("there");
    const first = withRetry(task);
    await vi.runAllTimersAsync();
    expect(await first).toBe("there");

    const broken = vi.fn().mockRejectedValue(new ApiProblem(0, "network", "no"));
    const second = Promise.allSettled([withRetry(broken)]);
    await vi.runAllTimersAsync();
    expect(await second).toMatchObject([{ status: "rejected" }]);
    expect(broken).toHaveBeenCalledTimes(RETRY_DELAYS.length + 1);
  });

  it.each([
    new ApiProblem(403, "forbidden", ""),
    new ApiProblem(429, "quota-exceeded", "", null, 40_000),
    new TypeError("a mistake of ours"),
  ])("does not ask again after %s", async (error) => {
    const task = vi.fn().mockRejectedValue(error);
    await expect(withRetry(task)).rejects.toBe(error);
    expect(task).toHaveBeenCalledTimes(1);
  });

  it("waits for the network without using up a try, and ends when it is told to", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    let comeOnline = (): void => undefined;
    vi.stubGlobal("addEventListener", (_: string, listener: () => void) => {
      comeOnline = listener;
    });
    const task = vi.fn().mockRejectedValue(new ApiProblem(0, "network", ""));
    const waiting = withRetry(task);
    const outages = RETRY_DELAYS.length + 2;
    for (let outage = 1; outage <= outages; outage += 1) {
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(task).toHaveBeenCalledTimes(outage);
      comeOnline();
    }
    task.mockResolvedValue("there");
    await vi.advanceTimersByTimeAsync(0);
    comeOnline();
    expect(await waiting).toBe("there");

    const control = new AbortController();
    const stopped = withRetry(() => Promise.reject(new ApiProblem(0, "network", "")), control.signal);
    await vi.advanceTimersByTimeAsync(0);
    control.abort(new Error("cancelled"));
    await expect(stopped).rejects.toThrow("cancelled");
  });
});

describe("readStorageError", () => {
  it("tells an expired link, which Uppy has signed again by its message", () => {
    const xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    expect(readStorageError(403, xml)).toMatchObject({
      kind: "expired",
      message: "Request has expired",
      source: { status: 403 },
    });
  });

  it("tells S3's own words", () => {
    expect(readStorageError(400, "<Error><Code>BadDigest</Code></Error>").message).toBe(
      "S3 refused the file (BadDigest).",
    );
    expect(readStorageError(502, "").passes).toBe(true);
  });
});

describe("RememberedUploads", () => {
  const entry = {
    upload_id: "a",
    pipeline: "flights",
    name: "big.csv",
    size: 300,
    lastModified: 7,
    part_size: 8,
    expires_at: "2026-01-08T00:00:00Z",
  };
  const now = Date.parse("2026-01-01T00:00:00Z");
  let storage: Storage;

  beforeEach(() => {
    vi.useFakeTimers({ now });
    const kept = new Map<string, string>();
    storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    } as unknown as Storage;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("finds an upload by its file and pipeline, until its time is over", () => {
    const remembered = new RememberedUploads(storage, "somebody");
    remembered.add(entry);
    expect(remembered.find(entry, "flights")).toEqual(entry);
    expect(remembered.find(entry, "weather")).toBeUndefined();
    expect(remembered.find({ ...entry, lastModified: 8 }, "flights")).toBeUndefined();
    vi.setSystemTime(Date.parse(entry.expires_at));
    expect(remembered.find(entry, "flights")).toBeUndefined();
  });

  it("keeps people apart, and forgets", () => {
    const remembered = new RememberedUploads(storage, "somebody");
    remembered.add(entry);
    remembered.add(entry);
    expect(remembered.list()).toHaveLength(1);
    expect(new RememberedUploads(storage, "else").list()).toEqual([]);
    remembered.forget("a");
    expect(remembered.list()).toEqual([]);
  });

  it.each(["", "no JSON", "{}", '[null, 1, {"upload_id": "a"}]'])(
    "takes %j in the storage for nothing",
    (kept) => {
      storage.setItem("sparkdrop.uploads.somebody", kept);
      expect(new RememberedUploads(storage, "somebody").list()).toEqual([]);
    },
  );
});
