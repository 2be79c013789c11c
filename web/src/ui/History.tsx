import type { HistoryEntry, UploadState } from "../api/types.ts";
import { formatDuration, formatTime } from "../format.ts";

const WORDS: Record<UploadState, string> = {
  AWAITING_UPLOAD: "Link made",
  EXPIRED: "Link ran out",
  CANCELLED: "Cancelled",
  PENDING: "Uploaded, waiting",
  CLAIMED: "Claimed by a batch",
  RUNNING: "Spark started",
  SUCCEEDED: "Result ready",
  FAILED: "Run failed",
  QUARANTINED: "Set aside",
  UNROUTED: "No pipeline took it",
};

/** What happened when, and how long each step took. */
export function History({ entries }: { entries: HistoryEntry[] }) {
  return (
    <ol class="history" aria-label="What happened">
      {entries.map(({ at, state }, index) => {
        const before = entries[index - 1];
        return (
          <li key={`${at} ${state}`}>
            <time dateTime={at}>{formatTime(at)}</time> {WORDS[state]}
            {before && (
              <span class="quiet-text">
                {" "}
                after {formatDuration((Date.parse(at) - Date.parse(before.at)) / 1000)}
              </span>
            )}
          </li>
        );
      })}
    </ol>
  );
}
