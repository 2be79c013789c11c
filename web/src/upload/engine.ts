import { computed, signal } from "@preact/signals";
import type { ApiClient } from "../api/client.ts";
import { type ApiProblem, toProblem } from "../api/problem.ts";
import type { Limits, Pipeline } from "../api/types.ts";
import type { Views } from "../status/views.ts";
import { findRefusal } from "./checks.ts";
import { FileItem } from "./item.ts";
import { hasArrived, isCompleted, isConflict, isGone, isOver } from "./landing.ts";
import { needsParts } from "./parts.ts";
import { PutProblem } from "./put.ts";
import { isSameFile, type Remembered, type RememberedUploads } from "./remembered.ts";
import { withRetry } from "./retry.ts";
import { Transport } from "./transport.ts";

/** A link or an upload that is over is replaced so often before somebody is told. */
const MOST_RENEWALS = 3;

/** A file that was not taken, and why. */
export interface Refusal {
  name: string;
  reason: string;
}

/** A multipart upload of an earlier visit; null bytes: not known yet. */
export interface Interrupted {
  entry: Remembered;
  receivedBytes: number | null;
}

/** The files of this visit, and what can be done with them. */
export class UploadEngine {
  /** newest drop first */
  readonly items = signal<readonly FileItem[]>([]);
  readonly interrupted = signal<readonly Interrupted[]>([]);
  readonly movingCount = computed(() => this.items.value.filter((item) => item.isMoving).length);
  readonly #api: ApiClient;
  readonly #views: Views;
  readonly #remembered: RememberedUploads;
  readonly #limits: Limits;
  readonly #transport: Transport;

  constructor(api: ApiClient, views: Views, remembered: RememberedUploads, limits: Limits) {
    this.#api = api;
    this.#views = views;
    this.#remembered = remembered;
    this.#limits = limits;
    this.#transport = new Transport(api, limits.single_put_bytes, {
      onSent: (item) => this.#finish(item),
      onProblem: (item, problem) => this.#break(item, problem),
    });
    this.interrupted.value = remembered.list().map((entry) => ({ entry, receivedBytes: null }));
    addEventListener("online", () => this.#retryUnreached());
    addEventListener("beforeunload", (event) => {
      if (this.movingCount.peek() > 0) {
        event.preventDefault();
      }
    });
  }

  /** Begin to upload the files that a pipeline takes; the others come back with the reason. */
  add(files: readonly File[], pipeline: Pipeline): Refusal[] {
    const refusals: Refusal[] = [];
    const taken: FileItem[] = [];
    for (const file of files) {
      const reason = findRefusal(file, pipeline) ?? this.#findDouble(file, pipeline, taken);
      if (reason) {
        refusals.push({ name: file.name, reason });
      } else {
        taken.push(new FileItem(file, pipeline.name, this.#views));
      }
    }
    this.items.value = [...taken, ...this.items.peek()];
    this.#start(taken);
    return refusals;
  }

  pause(item: FileItem): void {
    if (item.phase.peek() === "uploading") {
      item.phase.value = "paused";
      this.#transport.setPaused(item, true);
    }
  }

  resume(item: FileItem): void {
    if (item.phase.peek() === "paused") {
      item.phase.value = "uploading";
      item.renewals = 0;
      this.#transport.setPaused(item, false);
    }
  }

  cancel(item: FileItem): void {
    const uploadId = item.uploadId.peek();
    item.phase.value = "cancelled";
    this.#transport.remove(item);
    if (uploadId) {
      this.#discard(uploadId);
    }
  }

  retry(item: FileItem): void {
    if (item.phase.peek() === "broken" || item.isCancelled) {
      item.problem.value = null;
      item.renewals = 0;
      if (item.isCancelled) {
        item.reset();
      }
      this.#start([item]);
    }
  }

  /** Take from the list what needs nobody any more. */
  clearEnded(): void {
    this.items.value = this.items.peek().filter((item) => !item.way.peek().ended);
  }

  /** Ask how much of the interrupted uploads S3 has; those that it has no more are forgotten. */
  async loadInterrupted(): Promise<void> {
    await Promise.all(this.interrupted.peek().map(({ entry }) => this.#measure(entry)));
  }

  discardInterrupted({ upload_id }: Remembered): void {
    this.#dropInterrupted(upload_id);
    this.#discard(upload_id);
  }

  async #measure(entry: Remembered): Promise<void> {
    try {
      const { parts } = await this.#api.readParts(entry.upload_id);
      const receivedBytes = parts.reduce((sum, part) => sum + part.size, 0);
      this.interrupted.value = this.interrupted
        .peek()
        .map((found) => (found.entry === entry ? { entry, receivedBytes } : found));
    } catch (error) {
      const problem = toProblem(error);
      if (isOver(problem)) {
        this.#dropInterrupted(entry.upload_id);
        // a completed one stays remembered: its file, dropped again, is not sent again
        if (!isConflict(problem) || !(await isCompleted(this.#api, entry.upload_id).catch(() => true))) {
          this.#remembered.forget(entry.upload_id);
        }
      }
    }
  }

  #start(items: FileItem[]): void {
    const whole: FileItem[] = [];
    for (const item of items) {
      item.phase.value = "queued";
      if (needsParts(item.file.size, this.#limits.single_put_bytes)) {
        void this.#startParts(item);
      } else {
        whole.push(item);
      }
    }
    if (whole.length) {
      this.#transport.send(whole);
    }
  }

  async #startParts(item: FileItem): Promise<void> {
    try {
      await this.#prepareParts(item);
    } catch (error) {
      if (!item.isCancelled) {
        this.#break(item, toProblem(error));
      }
      return;
    }
    const uploadId = item.uploadId.peek();
    if (item.isCancelled && uploadId) {
      this.#discard(uploadId);
    } else {
      this.#transport.send([item]);
    }
  }

  /** Find the multipart upload that a file goes on with, or make one. */
  async #prepareParts(item: FileItem): Promise<void> {
    if (item.uploadId.peek() !== null && item.partSize !== null) {
      return; // an earlier try of this visit
    }
    const { file, pipeline } = item;
    const begun = this.#remembered.find(file, pipeline);
    if (begun && (await this.#isThere(begun.upload_id))) {
      item.partSize = begun.part_size;
      item.uploadId.value = begun.upload_id;
      this.#dropInterrupted(begun.upload_id);
      return;
    }
    const content_type = file.type || "application/octet-stream";
    const request = { pipeline, filename: file.name, size: file.size, content_type };
    const made = await withRetry(() => this.#api.createMultipart(request));
    item.partSize = made.part_size;
    item.uploadId.value = made.upload_id;
    const { name, size, lastModified } = file;
    const { upload_id, part_size, expires_at } = made;
    this.#remembered.add({ upload_id, pipeline, name, size, lastModified, part_size, expires_at });
  }

  /** Whether a file goes on with an upload of an earlier visit; one that is completed has only to be heard of. */
  async #isThere(uploadId: string): Promise<boolean> {
    try {
      await withRetry(() => this.#api.readParts(uploadId));
      return true;
    } catch (error) {
      const problem = toProblem(error);
      if (isConflict(problem)) {
        return true;
      }
      if (isGone(problem)) {
        this.#remembered.forget(uploadId);
        this.#dropInterrupted(uploadId);
        return false;
      }
      throw error;
    }
  }

  #finish(item: FileItem): void {
    const uploadId = item.uploadId.peek();
    item.sentBytes.value = item.file.size;
    item.phase.value = "uploaded";
    if (uploadId) {
      this.#remembered.forget(uploadId);
      this.#views.watch(uploadId);
    }
  }

  #break(item: FileItem, problem: ApiProblem): void {
    const uploadId = item.uploadId.peek();
    if (uploadId && isOver(problem) && item.renewals < MOST_RENEWALS) {
      item.renewals += 1;
      item.phase.value = "queued";
      if (problem instanceof PutProblem && item.partSize !== null) {
        this.#start([item]); // the link of a part ran out, not the upload
      } else {
        void this.#renew(item, uploadId, problem);
      }
      return;
    }
    item.problem.value = problem;
    item.phase.value = "broken";
  }

  /** Send a file another way, unless it has arrived already. */
  async #renew(item: FileItem, uploadId: string, problem: ApiProblem): Promise<void> {
    const isLeft = (): boolean => item.isCancelled || item.uploadId.peek() !== uploadId;
    const arrival = hasArrived(this.#api, uploadId, problem, item.unheard);
    const arrived = await arrival.catch((error: unknown) => toProblem(error));
    if (isLeft()) {
      return; // cancelled meanwhile, and maybe begun anew
    }
    if (arrived === true) {
      this.#finish(item);
    } else if (arrived === false) {
      this.#remembered.forget(uploadId);
      item.reset();
      this.#start([item]);
    } else {
      this.#break(item, arrived);
    }
  }

  #retryUnreached(): void {
    for (const item of this.items.peek()) {
      if (item.problem.peek()?.status === 0) {
        this.retry(item);
      }
    }
  }

  #discard(uploadId: string): void {
    this.#remembered.forget(uploadId);
    // unheard, the service ends it by itself when its time is over
    this.#api.cancel(uploadId).catch(() => undefined);
  }

  #dropInterrupted(uploadId: string): void {
    this.interrupted.value = this.interrupted.peek().filter(({ entry }) => entry.upload_id !== uploadId);
  }

  #findDouble(file: File, { name }: Pipeline, taken: FileItem[]): string | null {
    const isDouble = [...taken, ...this.items.peek()].some(
      (item) =>
        item.pipeline === name &&
        isSameFile(item.file, file) &&
        item.file.webkitRelativePath === file.webkitRelativePath &&
        !item.way.peek().ended,
    );
    return isDouble ? "This file is on its way already." : null;
  }
}
