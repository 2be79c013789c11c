import { useSignal } from "@preact/signals";
import type { UploadState, UploadView } from "../api/types.ts";
import { formatBytes, formatDayTime } from "../format.ts";
import { describeView } from "../status/words.ts";
import { Details } from "./Details.tsx";
import { Row } from "./Row.tsx";
import { useServices } from "./services.ts";
import { TrackHead } from "./Track.tsx";
import { type Filters, type Pages, usePages } from "./usePages.ts";

const STATES: [UploadState | "", string][] = [
  ["", "Any"],
  ["SUCCEEDED", "Result ready"],
  ["FAILED", "Run failed"],
  ["QUARANTINED", "Set aside"],
  ["PENDING", "Waiting"],
  ["CLAIMED", "Claimed"],
  ["RUNNING", "Spark is running"],
  ["AWAITING_UPLOAD", "Not uploaded yet"],
  ["EXPIRED", "Never arrived"],
  ["CANCELLED", "Cancelled"],
];

/** The uploads of all visits, newest first: one's own, or a pipeline's for those who may see it. */
export function PastSection() {
  const { catalog } = useServices();
  const filters = useSignal<Filters>({ pipeline: "", state: "", since: "" });
  const list = usePages(filters.value);
  const set = (change: Partial<Filters>): void => {
    filters.value = { ...filters.value, ...change };
  };
  return (
    <section aria-labelledby="past-title" aria-busy={list.isLoading}>
      <div class="section-head">
        <h2 id="past-title">Past uploads</h2>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>
            Pipeline
            <select class="field" onChange={(event) => set({ pipeline: event.currentTarget.value })}>
              <option value="">All of mine</option>
              {catalog.pipelines.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            State
            <select class="field" onChange={(event) => set({ state: event.currentTarget.value })}>
              {STATES.map(([state, words]) => (
                <option key={state} value={state}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <label>
            Since
            <input
              type="date"
              class="field"
              onChange={(event) => set({ since: event.currentTarget.value })}
            />
          </label>
          <button type="button" class="button" onClick={list.reload}>
            Refresh
          </button>
        </form>
      </div>
      {list.ids.length > 0 && <TrackHead />}
      <ul class="rows" aria-labelledby="past-title">
        {list.ids.map((uploadId) => (
          <PastRow key={uploadId} uploadId={uploadId} />
        ))}
      </ul>
      <PastFoot {...list} isSifted={Object.values(filters.value).some(Boolean)} />
    </section>
  );
}

function PastFoot({
  ids,
  isLoading,
  isSifted,
  failure,
  hasMore,
  more,
  reload,
}: Pages & { isSifted: boolean }) {
  if (failure) {
    return (
      <div class="notice bad" role="alert">
        <p>The list could not be loaded. {failure}</p>
        <button type="button" class="button" onClick={reload}>
          Try again
        </button>
      </div>
    );
  }
  if (ids.length === 0) {
    const words = isSifted ? "No uploads are like that." : "Nothing has been uploaded yet.";
    return <p class="quiet-text empty">{isLoading ? "Loading…" : words}</p>;
  }
  return hasMore ? (
    <button type="button" class="button more" disabled={isLoading} onClick={more}>
      Show more
    </button>
  ) : null;
}

function PastRow({ uploadId }: { uploadId: string }) {
  const { views } = useServices();
  const view = views.of(uploadId).value;
  if (!view) {
    return null;
  }
  return (
    <Row
      name={view.filename ?? view.key ?? view.upload_id}
      facts={toFacts(view)}
      way={describeView(view)}
      sent={0}
      details={() => <Details uploadId={uploadId} problem={null} />}
    />
  );
}

function toFacts({ size, pipeline, created_at, owner }: UploadView): string {
  const by = owner && owner !== "me" ? `by ${owner}` : "";
  return [formatDayTime(created_at), size === null ? "" : formatBytes(size), pipeline, by]
    .filter(Boolean)
    .join(" · ");
}
