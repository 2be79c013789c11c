import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiClient, LinkRequest } from "../src/api/client.ts";
import { ApiProblem } from "../src/api/problem.ts";
import type { Pipeline, UploadView } from "../src/api/types.ts";
import type { Views } from "../src/status/views.ts";
import { UploadEngine } from "../src/upload/engine.ts";
import { hashBlob } from "../src/upload/hashing.ts";
import type { FileItem } from "../src/upload/item.ts";
import { RememberedUploads } from "../src/upload/remembered.ts";

const MEBIBYTE = 1024 * 1024;
const PART = 5 * MEBIBYTE;
const FAR = "2099-01-01T00:00:00Z";
const PIPELINE: Pipeline = {
  name: "flights",
  description: "",
  patterns: ["flights/*.csv"],
  format: "csv",
  max_bytes: 5 * 1024 ** 4,
  may_upload: true,
  may_view: true,
};

/** The API as far as uploads go; what it was asked is kept. */
class FakeApi {
  readonly links: LinkRequest[] = [];
  readonly parts = new Map<number, { part_number: number; size: number; sha256: string }>();
  readonly completed: string[] = [];
  readonly cancelled: string[] = [];
  begun = 0;
  problem: ApiProblem | null = null;

  async createLink(request: LinkRequest) {
    this.links.push(request);
    this.#raise();
    const upload_id = `link-${this.links.length}`;
    const headers = { "x-amz-checksum-sha256": request.sha256, "Content-Length": "9" };
    return { upload_id, method: "PUT", url: `https://s3/${upload_id}`, headers, expires_at: FAR };
  }

  async createMultipart() {
    this.begun += 1;
    return { upload_id: `parts-${this.begun}`, part_size: PART, part_count: 3, expires_at: FAR };
  }

  async readParts(upload_id: string, named: string[] = []) {
    this.#raise();
    const urls = named.map((part) => ({
      part_number: Number(part.split(":")[0]),
      url: `https://s3/${upload_id}?part=${part}`,
      headers: {},
    }));
    return {
      upload_id,
      part_size: PART,
      part_count: 3,
      size: 12 * MEBIBYTE,
      parts: [...this.parts.values()],
      urls,
    };
  }

  async complete(uploadId: string) {
    this.completed.push(uploadId);
  }

  async cancel(uploadId: string) {
    this.cancelled.push(uploadId);
  }

  #raise(): void {
    if (this.problem) {
      throw this.problem;
    }
  }
}

interface Put {
  url: string;
  headers: Record<string, string>;
  size: number;
}

/** What S3 answers to the next PUTs: a status and a body; 200 where nothing is said. */
let answers: [number, string][];
let puts: Put[];
/** whether PUTs stay unanswered */
let hanging: boolean;

class FakeRequest extends EventTarget {
  readonly upload = new EventTarget();
  readonly #headers: Record<string, string> = {};
  #url = "";
  status = 0;
  responseText = "";

  open(_: string, url: string): void {
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  send(body: Blob): void {
    puts.push({ url: this.#url, headers: this.#headers, size: body.size });
    [this.status, this.responseText] = answers.shift() ?? [200, ""];
    if (!hanging) {
      queueMicrotask(() => this.dispatchEvent(new Event("load")));
    }
  }

  abort(): void {
    this.dispatchEvent(new Event("abort"));
  }
}

let api: FakeApi;
let storage: Storage;
let watched: string[];

function makeEngine(): UploadEngine {
  const views = {
    of: () => ({ value: null as UploadView | null }),
    watch: (uploadId: string) => watched.push(uploadId),
  } as unknown as Views;
  const limits = { single_put_bytes: PART, daily_uploads: 1, daily_bytes: 1, link_seconds: 900 };
  return new UploadEngine(
    api as unknown as ApiClient,
    views,
    new RememberedUploads(storage, "somebody"),
    limits,
  );
}

const makeFile = (name: string, bytes: number, fill = 1): File =>
  new File([new Uint8Array(bytes).fill(fill)], name, { type: "text/csv", lastModified: 7 });

function take(engine: UploadEngine, file: File): FileItem {
  expect(engine.add([file], PIPELINE)).toEqual([]);
  return engine.items.value[0] as FileItem;
}

const reach = (item: FileItem, phase: string) => vi.waitFor(() => expect(item.phase.value).toBe(phase));

beforeEach(() => {
  api = new FakeApi();
  answers = [];
  puts = [];
  watched = [];
  hanging = false;
  const kept = new Map<string, string>();
  storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  } as unknown as Storage;
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a small file", () => {
  it("goes up in one PUT, with the headers of its link but Content-Length, and is followed", async () => {
    const file = makeFile("jan.csv", 9);
    const item = take(makeEngine(), file);
    await reach(item, "uploaded");
    const sha256 = await hashBlob(file);
    expect(api.links).toEqual([
      { pipeline: "flights", filename: "jan.csv", size: 9, sha256, content_type: "text/csv" },
    ]);
    expect(puts).toEqual([
      { url: "https://s3/link-1", headers: { "x-amz-checksum-sha256": sha256 }, size: 9 },
    ]);
    expect(watched).toEqual(["link-1"]);
  });

  it("has arrived where S3 says that it is there already: an answer was lost", async () => {
    answers = [[412, "<Error><Code>PreconditionFailed</Code></Error>"]];
    await reach(take(makeEngine(), makeFile("jan.csv", 9)), "uploaded");
  });

  it("gets another link where its own ran out on the way", async () => {
    answers = [[403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"]];
    const item = take(makeEngine(), makeFile("jan.csv", 9));
    await reach(item, "uploaded");
    expect(puts.map(({ url }) => url)).toEqual(["https://s3/link-1", "https://s3/link-2"]);
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
    hanging = true;
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(() => expect(puts).toHaveLength(1));
    engine.pause(item);
    expect(item.phase.value).toBe("paused");
    hanging = false;
    engine.resume(item);
    await reach(item, "uploaded");
    expect(puts.map(({ url }) => url)).toEqual(["https://s3/link-1", "https://s3/link-1"]);
  });

  it("that is cancelled is taken back from the API", async () => {
    hanging = true;
    const engine = makeEngine();
    const item = take(engine, makeFile("jan.csv", 9));
    await vi.waitFor(() => expect(puts).toHaveLength(1));
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
  const numbers = (): string[] =>
    puts.map(({ url }) => new URL(url).searchParams.get("part")?.split(":")[0] ?? "");

  it("goes up in the parts that the API says, and is forgotten when it is there", async () => {
    const item = take(makeEngine(), makeFile("big.csv", 12 * MEBIBYTE));
    await reach(item, "uploaded");
    expect(numbers().sort()).toEqual(["1", "2", "3"]);
    expect(puts.reduce((sum, { size }) => sum + size, 0)).toBe(12 * MEBIBYTE);
    expect(api.completed).toEqual(["parts-1"]);
    expect(new RememberedUploads(storage, "somebody").list()).toEqual([]);
  });

  it("that broke keeps what has arrived, for this visit and the next", async () => {
    answers = [[403, "<Error><Code>AccessDenied</Code></Error>"]];
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
    answers = [[403, ""]];
    const engine = makeEngine();
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    const item = take(engine, file);
    await reach(item, "broken");
    api.parts.set(2, { part_number: 2, size: PART, sha256: await hashBlob(file.slice(PART, 2 * PART)) });
    puts = [];
    engine.retry(item);
    await reach(item, "uploaded");
    expect(numbers().sort()).toEqual(["1", "3"]);
    expect(api.begun).toBe(1);
  });

  it("of an earlier visit sends what is missing, and what is another than before", async () => {
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    answers = [[403, ""]];
    await reach(take(makeEngine(), file), "broken");
    const sha256 = await hashBlob(file.slice(0, PART));
    api.parts.set(1, { part_number: 1, size: PART, sha256 });
    api.parts.set(2, { part_number: 2, size: PART, sha256: "0".repeat(64) });
    puts = [];

    const engine = makeEngine();
    const item = take(engine, file);
    await reach(item, "uploaded");
    expect(numbers().sort()).toEqual(["2", "3"]);
    expect(api.begun).toBe(1);
    expect(engine.interrupted.value).toEqual([]);
  });

  it("whose earlier upload is over begins anew", async () => {
    const file = makeFile("big.csv", 12 * MEBIBYTE);
    answers = [[403, ""]];
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
