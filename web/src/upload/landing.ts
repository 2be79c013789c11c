import type { ApiClient } from "../api/client.ts";
import { type ApiProblem, toProblem } from "../api/problem.ts";
import type { UploadState } from "../api/types.ts";
import { PutProblem } from "./put.ts";
import { wait, withRetry } from "./retry.ts";

/** States of an upload that nothing has come of. */
const NOT_LANDED: ReadonlySet<UploadState> = new Set(["AWAITING_UPLOAD", "EXPIRED", "CANCELLED"]);
/** Milliseconds between the looks for a file that S3 may have: the service hears of it a little later. */
const LOOK_DELAYS = [2000, 4000, 8000];

type Asked = Pick<ApiClient, "readUpload" | "complete">;

/** Whether the API says that an upload's time is over, or that there is none. */
export function isGone(problem: ApiProblem): boolean {
  return !(problem instanceof PutProblem) && (problem.status === 404 || problem.status === 410);
}

/** Whether the API says that an upload is not open any more: it was completed, or cancelled. */
export function isConflict({ kind }: ApiProblem): boolean {
  return kind === "conflict";
}

/** Whether nothing more can be sent the same way. Of S3's errors, only a link that ran out says so. */
export function isOver(problem: ApiProblem): boolean {
  return isGone(problem) || isConflict(problem) || problem.kind === "expired";
}

/**
 * Whether the file of an upload that is over has arrived all the same, its answer unheard.
 * `unheard`: a PUT may have got through, so that it is worth to wait for the service to hear of it.
 */
export async function hasArrived(
  api: Asked,
  uploadId: string,
  problem: ApiProblem,
  unheard: boolean,
): Promise<boolean> {
  if (isConflict(problem)) {
    return isCompleted(api, uploadId);
  }
  for (const delay of unheard ? LOOK_DELAYS : []) {
    if (await hasLanded(api, uploadId)) {
      return true;
    }
    await wait(delay);
  }
  return hasLanded(api, uploadId);
}

/** Complete an upload in parts that is not open any more: harmless once more, refused where it was cancelled. */
export async function isCompleted(api: Asked, uploadId: string): Promise<boolean> {
  try {
    await withRetry(() => api.complete(uploadId));
    return true;
  } catch (error) {
    if (isOver(toProblem(error))) {
      return false;
    }
    throw error;
  }
}

async function hasLanded(api: Asked, uploadId: string): Promise<boolean> {
  try {
    const { body } = await withRetry(() => api.readUpload(uploadId));
    return body !== null && !NOT_LANDED.has(body.state);
  } catch (error) {
    if (isGone(toProblem(error))) {
      return false;
    }
    throw error;
  }
}
