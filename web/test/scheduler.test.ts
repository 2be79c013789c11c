import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ListQuery } from "../src/api/client.ts";
import { ApiProblem } from "../src/api/problem.ts";
import type { UploadState, UploadView } from "../src/api/types.ts";
import { PollScheduler } from "../src/status/scheduler.ts";

const START = Date.parse("2026-01-01T12:00:00Z");

/** A ULID with a time of START plus some seconds, told apart by a letter. */
function ulid(seconds: number, letter = "A"): string {
  const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const at = START + seconds * 1000;
  return (
    Array.from({ length: 10 }, (_, i) => digits[Math.floor(at / 32 ** (9 - i)) % 32]).join("") +
    letter.repeat(16)
  );
}

/** Answers as the API does, and remembers what it was asked. */
class FakeSource {
  readonly asked: { id: string; etag: string | null; at: number }[] = [];
  readonly lists: ListQuery[] = [];
  readonly states = new Map<string, UploadState>();
  retryAfterSeconds: number | null = 1;
  error: Error | null = null;
  pageSize = 100;

  async readUpload(id: string, etag: string | null) {
    this.asked.push({ id, etag, at: (Date.now() - START) / 1000 });
    if (this.error) {
      throw this.error;
    }
    const state = this.states.get(id);
    if (!state) {
      throw new ApiProblem(404, "unknown-upload", "");
    }
    const body = etag === `"${state}"` ? null : ({ upload_id: id, state } as UploadView);
    return { body, etag: `"${state}"`, retryAfterSeconds: this.retryAfterSeconds };
  }

  async listUploads(query: ListQuery) {
    this.lists.push(query);
    if (this.error) {
      throw this.error;
    }
    const from = Number(query.cursor ?? 0);
    const page = [...this.states].slice(from, from + this.pageSize);
    const uploads = page.map(([upload_id, state]) => ({ upload_id, state }) as UploadView);
    const next = from + this.pageSize;
    return { uploads, cursor: next < this.states.size ? String(next) : null };
  }
}

let source: FakeSource;
let seen: UploadView[];
let hidden: boolean;
let scheduler: PollScheduler;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  source = new FakeSource();
  seen = [];
  hidden = false;
  scheduler = new PollScheduler(
    source,
    (view) => seen.push(view),
    () => hidden,
  );
});

afterEach(() => {
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

describe("a few uploads", () => {
  it("are asked for when the answer said to", async () => {
    source.states.set("a", "PENDING");
    source.retryAfterSeconds = 7;
    scheduler.watch("a");
    await pass(16);
    expect(source.asked.map(({ at }) => at)).toEqual([1, 8, 15]);
  });

  it("are asked for with their ETag, and told only when something is new", async () => {
    source.states.set("a", "PENDING");
    scheduler.watch("a");
    await pass(3);
    expect(source.asked.map(({ etag }) => etag)).toEqual([null, '"PENDING"', '"PENDING"']);
    expect(seen.map(({ state }) => state)).toEqual(["PENDING"]);
    source.states.set("a", "RUNNING");
    await pass(1);
    expect(seen.map(({ state }) => state)).toEqual(["PENDING", "RUNNING"]);
  });

  it("are left alone once they have ended", async () => {
    source.states.set("a", "FAILED");
    scheduler.watch("a");
    await pass(60);
    expect(source.asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are left alone when nobody knows them", async () => {
    scheduler.watch("gone");
    await pass(60);
    expect(source.asked).toHaveLength(1);
  });

  it("are asked for once, however often they are watched", async () => {
    source.states.set("a", "PENDING");
    scheduler.watch("a");
    scheduler.watch("a");
    await pass(1);
    expect(source.asked).toHaveLength(1);
  });

  it("are asked for rarely while nobody looks, and at once when somebody does", async () => {
    source.states.set("a", "RUNNING");
    hidden = true;
    scheduler.watch("a");
    await pass(20);
    expect(source.asked).toHaveLength(1);
    await pass(12);
    expect(source.asked).toHaveLength(2);
    hidden = false;
    scheduler.wake();
    await pass(0);
    expect(source.asked).toHaveLength(3);
  });

  it("are asked for ever less often while the service fails, and not before it said", async () => {
    source.states.set("a", "PENDING");
    source.error = new ApiProblem(503, "unknown", "");
    scheduler.watch("a");
    await pass(16);
    expect(source.asked.map(({ at }) => at)).toEqual([1, 3, 7, 15]);
    source.error = new ApiProblem(429, "unknown", "", null, 50);
    await pass(17);
    expect(source.asked.at(-1)?.at).toBe(31);
    source.error = null;
    await pass(47);
    expect(source.asked.at(-1)?.at).toBe(31);
    await pass(1);
    expect(source.asked.at(-1)?.at).toBe(81);
  });
});

describe("many uploads", () => {
  const watchMany = (count: number, state: UploadState): void => {
    for (let index = 0; index < count; index += 1) {
      const id = `${ulid(index).slice(0, 10)}${String(index).padStart(16, "0")}`;
      source.states.set(id, state);
      scheduler.watch(id);
    }
  };

  it("are asked for by one list, from the first one on", async () => {
    watchMany(50, "RUNNING");
    await pass(1.5);
    expect(source.asked).toHaveLength(0);
    expect(source.lists).toEqual([{ since: "2026-01-01T12:00:00.000Z", limit: 100 }]);
    expect(seen).toHaveLength(50);
  });

  it("are asked for again no sooner than every two seconds", async () => {
    watchMany(50, "PENDING");
    await pass(10);
    expect(source.lists.length).toBeLessThanOrEqual(5);
    expect(source.lists.length).toBeGreaterThanOrEqual(4);
  });

  it("are looked for on the next pages", async () => {
    watchMany(50, "SUCCEEDED");
    source.pageSize = 20;
    await pass(1.5);
    expect(source.lists.map(({ cursor }) => cursor)).toEqual([undefined, "20", "40"]);
    expect(seen).toHaveLength(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that are in no list are asked for by themselves, a few at a time", async () => {
    watchMany(20, "PENDING");
    source.pageSize = 3; // three pages hold nine of them
    await pass(1.5);
    expect(source.asked).toHaveLength(6);
    await pass(2);
    expect(new Set(source.asked.map(({ id }) => id)).size).toBe(11);
  });
});
