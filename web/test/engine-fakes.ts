import { beforeEach, expect, vi } from "vitest";
import type { ApiClient, LinkRequest } from "../src/api/client.ts";
import { ApiProblem } from "../src/api/problem.ts";
import type { Pipeline, UploadState, UploadView } from "../src/api/types.ts";
import type { Views } from "../src/status/views.ts";
import { UploadEngine } from "../src/upload/engine.ts";
import type { FileItem } from "../src/upload/item.ts";
import { RememberedUploads } from "../src/upload/remembered.ts";

export const MEBIBYTE = 1024 * 1024;
export const PART = 5 * MEBIBYTE;
const FAR = "2099-01-01T00:00:00Z";
export const PIPELINE: Pipeline = {
  name: "flights",
  description: "",
  patterns: ["flights/*.csv"],
  format: "csv",
  max_bytes: 5 * 1024 ** 4,
  may_upload: true,
  may_view: true,
};

/** The API as far as uploads go; what it was asked is kept. */
export class FakeApi {
  readonly links: LinkRequest[] = [];
  readonly parts = new Map<number, { part_number: number; size: number; sha256: string }>();
  readonly completed: string[] = [];
  readonly cancelled: string[] = [];
  /** which uploads were asked for, in order */
  readonly looked: string[] = [];
  /** what it says of an upload, one state after the other; the last one stays */
  states: UploadState[] = ["AWAITING_UPLOAD"];
  begun = 0;
  expiresAt = FAR;
  problem: ApiProblem | null = null;
  /** what complete throws, once it is done */
  completeProblem: ApiProblem | null = null;

  async createLink(request: LinkRequest) {
    this.links.push(request);
    this.#raise();
    const upload_id = `link-${this.links.length}`;
    const headers = { "x-amz-checksum-sha256": request.sha256, "Content-Length": "9" };
    return { upload_id, method: "PUT", url: `https://s3/${upload_id}`, headers, expires_at: this.expiresAt };
  }

  async createMultipart() {
    this.begun += 1;
    return { upload_id: `parts-${this.begun}`, part_size: PART, part_count: 3, expires_at: FAR };
  }

  async readParts(upload_id: string, named: string[] = []) {
    this.#raise();
    if (this.completed.includes(upload_id)) {
      throw new ApiProblem(409, "conflict", `upload ${upload_id} is COMPLETED already`);
    }
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
    if (this.completeProblem) {
      throw this.completeProblem;
    }
  }

  async cancel(uploadId: string) {
    this.cancelled.push(uploadId);
  }

  async readUpload(upload_id: string) {
    this.looked.push(upload_id);
    const state = (this.states.length > 1 ? this.states.shift() : this.states[0]) as UploadState;
    return { body: { upload_id, state }, etag: null, retryAfterSeconds: null };
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

/** S3 as far as PUTs go. */
export class FakeStorage {
  /** what the next PUTs are answered: a status and a body, status 0 for a broken network; 200 where nothing is said */
  answers: [number, string][] = [];
  puts: Put[] = [];
  /** whether PUTs stay unanswered */
  hanging = false;

  /** The numbers of the parts that were sent, sorted. */
  get numbers(): string[] {
    return this.puts.map(({ url }) => new URL(url).searchParams.get("part")?.split(":")[0] ?? "").sort();
  }
}

export let api: FakeApi;
export let s3: FakeStorage;
export let storage: Storage;
/** the uploads that are followed */
export let watched: string[];

class FakeXmlHttpRequest extends EventTarget {
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
    s3.puts.push({ url: this.#url, headers: this.#headers, size: body.size });
    [this.status, this.responseText] = s3.answers.shift() ?? [200, ""];
    if (!s3.hanging) {
      queueMicrotask(() => this.dispatchEvent(new Event(this.status === 0 ? "error" : "load")));
    }
  }

  abort(): void {
    this.dispatchEvent(new Event("abort"));
  }
}

/** An S3 error's body. */
export const toXml = (code: string, message = ""): string =>
  `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;

export const listRemembered = () => new RememberedUploads(storage, "somebody").list();

export function makeEngine(): UploadEngine {
  const views = {
    of: () => ({ value: null as UploadView | null }),
    watch: (uploadId: string) => watched.push(uploadId),
  } as unknown as Views;
  const limits = { single_put_bytes: PART, daily_uploads: 1, daily_bytes: 1, link_seconds: 900 };
  const remembered = new RememberedUploads(storage, "somebody");
  return new UploadEngine(api as unknown as ApiClient, views, remembered, limits);
}

export const makeFile = (name: string, bytes: number, fill = 1): File =>
  new File([new Uint8Array(bytes).fill(fill)], name, { type: "text/csv", lastModified: 7 });

export function take(engine: UploadEngine, file: File): FileItem {
  expect(engine.add([file], PIPELINE)).toEqual([]);
  return engine.items.value[0] as FileItem;
}

/** Wait for a phase; fake timers are moved on meanwhile. */
export const reach = (item: FileItem, phase: string) =>
  vi.waitFor(async () => {
    if (vi.isFakeTimers()) {
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(item.phase.value).toBe(phase);
  }, 5000);

/** Have a new API, S3 and browser for each test of a file. */
export function useFakes(): void {
  beforeEach(() => {
    api = new FakeApi();
    s3 = new FakeStorage();
    watched = [];
    const kept = new Map<string, string>();
    storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    } as unknown as Storage;
    vi.stubGlobal("addEventListener", () => undefined);
    vi.stubGlobal("navigator", { onLine: true });
    vi.stubGlobal("XMLHttpRequest", FakeXmlHttpRequest);
    return () => vi.unstubAllGlobals();
  });
}
