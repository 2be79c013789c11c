import { ApiProblem } from "../api/problem.ts";

/** Milliseconds between the tries of a request; Uppy is given the same for a part. */
export const RETRY_DELAYS = [500, 1500, 3000, 5000, 10_000, 20_000];

/** Try again what the network or a busy service broke. Offline, wait for the network without using up a try. */
export async function withRetry<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      const delay = RETRY_DELAYS[attempt];
      if (!(error instanceof ApiProblem) || !error.passes || delay === undefined || signal?.aborted) {
        throw error;
      }
      if (navigator.onLine) {
        await wait(Math.max(delay, (error.retryAfterSeconds ?? 0) * 1000), signal);
      } else {
        await waitOnline(signal);
        attempt -= 1;
      }
    }
  }
}

/** Pause; the signal ends it with its reason. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}

function waitOnline(signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    addEventListener("online", () => resolve(), { once: true });
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
