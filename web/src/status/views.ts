import { type Signal, signal } from "@preact/signals";
import type { UploadView } from "../api/types.ts";
import { PollScheduler, type StatusSource } from "./scheduler.ts";

const UNDER_WAY = new Set(["PENDING", "CLAIMED", "RUNNING"]);

/** What the service said last of each upload, wherever the page shows it. */
export class Views {
  readonly #signals = new Map<string, Signal<UploadView | null>>();
  readonly #scheduler: PollScheduler;

  constructor(source: StatusSource) {
    this.#scheduler = new PollScheduler(
      source,
      (view) => this.put(view),
      () => document.hidden,
    );
    document.addEventListener("visibilitychange", () => !document.hidden && this.#scheduler.wake());
    addEventListener("online", () => this.#scheduler.wake());
  }

  /** An upload's view as a signal; null until something is known. */
  of(uploadId: string): Signal<UploadView | null> {
    let found = this.#signals.get(uploadId);
    if (!found) {
      found = signal<UploadView | null>(null);
      this.#signals.set(uploadId, found);
    }
    return found;
  }

  /** Take in a view; one from a list has no history, and leaves the one that is there. */
  put(view: UploadView): void {
    const known = this.of(view.upload_id);
    known.value = { ...known.peek(), ...view };
  }

  /** Follow an upload whose file has been sent, until it ends. */
  watch(uploadId: string): void {
    this.#scheduler.watch(uploadId);
  }

  /** Follow an upload out of a list, if it is on its way: what nobody has sent yet may never come. */
  follow(view: UploadView): void {
    this.put(view);
    if (UNDER_WAY.has(view.state)) {
      this.watch(view.upload_id);
    }
  }
}
