import type { Answer, ListQuery } from "../api/client.ts";
import { ApiProblem } from "../api/problem.ts";
import type { UploadPage, UploadState, UploadView } from "../api/types.ts";
import { readUlidTime } from "./ulid.ts";
import { isEnd } from "./words.ts";

/** With more uploads than this one list is asked for, in place of each upload. */
const ONE_BY_ONE = 6;
const LIST_LIMIT = 100;
/** Pages of one round: beyond, what is missing is asked for by itself. */
const LIST_PAGES = 3;
/** Seconds between two questions while nobody looks, and at most after errors. */
const HIDDEN_SECONDS = 30;
const MOST_SECONDS = 60;

/** Where an answer has no Retry-After, as lists have none: the API's own values by state. */
const SECONDS_BY_STATE: Partial<Record<UploadState, number>> = { PENDING: 1, RUNNING: 3 };
const SECONDS = 2;

/** The calls that are polled with. */
export interface StatusSource {
  readUpload(uploadId: string, etag: string | null): Promise<Answer<UploadView>>;
  listUploads(query: ListQuery): Promise<UploadPage>;
}

interface Watched {
  uploadId: string;
  etag: string | null;
  dueAt: number;
  state: UploadState | null;
}

/**
 * Asks how uploads stand, until each has ended: one timer for all of them, when the service said to ask again.
 * Few uploads are asked for one by one, with their ETags; many by one list.
 */
export class PollScheduler {
  readonly #source: StatusSource;
  readonly #onView: (view: UploadView) => void;
  readonly #isHidden: () => boolean;
  readonly #watched = new Map<string, Watched>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #failures = 0;
  #notBefore = 0;

  constructor(source: StatusSource, onView: (view: UploadView) => void, isHidden: () => boolean) {
    this.#source = source;
    this.#onView = onView;
    this.#isHidden = isHidden;
  }

  /** Ask for an upload from now on; again for the same one is harmless. */
  watch(uploadId: string): void {
    if (!this.#watched.has(uploadId)) {
      const dueAt = Date.now() + 1000;
      this.#watched.set(uploadId, { uploadId, etag: null, dueAt, state: null });
      this.#plan();
    }
  }

  /** Ask again at once: somebody looks at the page again, or the network is back. */
  wake(): void {
    this.#failures = 0;
    this.#notBefore = 0;
    for (const watched of this.#watched.values()) {
      watched.dueAt = Math.min(watched.dueAt, Date.now());
    }
    this.#plan();
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#asking || this.#watched.size === 0) {
      return;
    }
    const first = Math.min(...[...this.#watched.values()].map(({ dueAt }) => dueAt));
    this.#timer = setTimeout(
      () => void this.#ask(),
      Math.max(0, Math.max(first, this.#notBefore) - Date.now()),
    );
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      if (this.#watched.size > ONE_BY_ONE) {
        await this.#askList();
      } else {
        const due = [...this.#watched.values()].filter(({ dueAt }) => dueAt <= Date.now());
        await this.#askEach(due);
      }
      this.#failures = 0;
    } catch (error) {
      this.#backOff(error);
    }
    this.#asking = false;
    this.#plan();
  }

  async #askEach(due: Watched[]): Promise<void> {
    const answers = await Promise.allSettled(due.map((watched) => this.#askOne(watched)));
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed) {
      throw failed.reason;
    }
  }

  async #askOne(watched: Watched): Promise<void> {
    try {
      const { body, etag, retryAfterSeconds } = await this.#source.readUpload(watched.uploadId, watched.etag);
      watched.etag = etag ?? watched.etag;
      this.#settle(watched, body, retryAfterSeconds);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) {
        this.#watched.delete(watched.uploadId); // it is gone, or never was ours: no answer will ever differ
        return;
      }
      throw error;
    }
  }

  async #askList(): Promise<void> {
    const missing = new Map(this.#watched);
    const since = findStart([...missing.keys()]);
    let cursor: string | null = null;
    for (let page = 0; page < LIST_PAGES && missing.size > 0; page += 1) {
      const answer: UploadPage = await this.#source.listUploads({
        ...(since && { since }),
        limit: LIST_LIMIT,
        ...(cursor && { cursor }),
      });
      for (const view of answer.uploads) {
        const watched = missing.get(view.upload_id);
        if (watched) {
          missing.delete(view.upload_id);
          this.#settle(watched, view, null);
        }
      }
      cursor = answer.cursor;
      if (cursor === null) {
        break;
      }
    }
    // not in our list: somebody else's, seen as a viewer
    const others = [...missing.values()].sort((one, other) => one.dueAt - other.dueAt);
    await this.#askEach(others.slice(0, ONE_BY_ONE));
    this.#notBefore = Date.now() + (this.#isHidden() ? HIDDEN_SECONDS : SECONDS) * 1000;
  }

  #settle(watched: Watched, view: UploadView | null, retryAfterSeconds: number | null): void {
    watched.state = view?.state ?? watched.state;
    const byState = (watched.state && SECONDS_BY_STATE[watched.state]) ?? SECONDS;
    const seconds = Math.max(retryAfterSeconds ?? byState, this.#isHidden() ? HIDDEN_SECONDS : 0);
    watched.dueAt = Date.now() + seconds * 1000;
    if (view && isEnd(view.state)) {
      this.#watched.delete(view.upload_id);
    }
    if (view) {
      this.#onView(view);
    }
  }

  #backOff(error: unknown): void {
    const asked = error instanceof ApiProblem ? (error.retryAfterSeconds ?? 0) : 0;
    this.#failures += 1;
    const seconds = Math.max(asked, Math.min(2 ** this.#failures, MOST_SECONDS));
    this.#notBefore = Date.now() + seconds * 1000;
  }
}

/** From when on a list has to tell to hold all of these uploads; by the service's clock, which made their ids. */
function findStart(uploadIds: string[]): string | null {
  const first = Math.min(...uploadIds.map(readUlidTime));
  return Number.isFinite(first) ? new Date(first).toISOString() : null;
}
