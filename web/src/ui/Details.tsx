import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type ApiProblem, toProblem } from "../api/problem.ts";
import type { UploadView } from "../api/types.ts";
import { formatCount, formatTime } from "../format.ts";
import { History } from "./History.tsx";
import { Place } from "./Place.tsx";
import { useServices } from "./services.ts";

interface Props {
  uploadId: string | null;
  /** why the upload itself failed */
  problem: ApiProblem | null;
}

/** All that is known of a file: what came of it, what went wrong, what happened when. */
export function Details({ uploadId, problem }: Props) {
  const { views } = useServices();
  const view = uploadId ? views.of(uploadId).value : null;
  const failure = useHistory(uploadId, view);
  return (
    <div class="details">
      {problem && (
        <p class="notice bad">
          {problem.message}
          {problem.requestId && <span class="quiet-text"> Request {problem.requestId}</span>}
        </p>
      )}
      {failure && <p class="notice bad">The details could not be loaded. {failure}</p>}
      {view && <Reason view={view} />}
      {view?.slow_since && (
        <p class="notice warn">
          It takes longer than usual: noticed at{" "}
          <time dateTime={view.slow_since}>{formatTime(view.slow_since)}</time>.
        </p>
      )}
      {view && <Results view={view} />}
      {view?.log_excerpt && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        <section class="log" tabIndex={0} aria-label="From the log">
          <pre>{view.log_excerpt}</pre>
        </section>
      )}
      {view?.history && <History entries={view.history} />}
      {view && <Ids view={view} />}
      {!view && !problem && !failure && (
        <p class="quiet-text">Nothing is known yet: the file is on its way up.</p>
      )}
    </div>
  );
}

/** Ask for an upload's history whenever its state changes while the details are open. */
function useHistory(uploadId: string | null, view: UploadView | null): string {
  const { api, views } = useServices();
  const failure = useSignal("");
  const state = view?.state;
  useEffect(() => {
    if (uploadId) {
      api.readUpload(uploadId).then(
        ({ body }) => {
          failure.value = "";
          if (body) {
            views.put(body);
          }
        },
        (error) => {
          failure.value = toProblem(error).message;
        },
      );
    }
  }, [uploadId, state]);
  return failure.value;
}

function Reason({ view: { reason, state } }: { view: UploadView }) {
  if (!reason) {
    return null;
  }
  const isBad = state === "FAILED" || state === "QUARANTINED";
  return <p class={`notice ${isBad ? "bad" : "warn"}`}>{reason}</p>;
}

function Results({ view }: { view: UploadView }) {
  const counts: [string, number | null][] = [
    ["Rows read", view.rows_in],
    ["Rows written", view.rows_out],
    ["Rows rejected", view.rows_rejected],
  ];
  const places: [string, string | null][] = [
    ["Result", view.output],
    ["Rejected rows, each with its reason", view.rejects],
    ["Log", view.log],
  ];
  return (
    <dl class="results">
      {counts.map(
        ([term, count]) =>
          count !== null && (
            <div key={term} class="count">
              <dt>{term}</dt>
              <dd>{formatCount(count)}</dd>
            </div>
          ),
      )}
      {places.map(
        ([term, place]) =>
          place && (
            <div key={term} class="place">
              <dt>{term}</dt>
              <dd>
                <Place what={term} place={place} />
              </dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** What to name the file by, to somebody who is asked for help. */
function Ids({ view }: { view: UploadView }) {
  const ids = Object.entries({
    Upload: view.upload_id,
    Batch: view.batch_id,
    Run: view.run_id,
    "Job flow": view.job_flow_id,
    Step: view.step_id,
    Key: view.key,
  }).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return (
    <dl class="ids">
      {ids.map(([term, id]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>
            <code>{id}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}
