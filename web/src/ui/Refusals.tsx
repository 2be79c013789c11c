import type { Signal } from "@preact/signals";
import { formatPlural } from "../format.ts";
import type { Refusal } from "../upload/engine.ts";

/** With more than this the rest is a number. */
const MOST = 5;

/** The files that were not taken, and why. */
export function Refusals({ refusals }: { refusals: Signal<Refusal[]> }) {
  const all = refusals.value;
  return (
    <div role="alert">
      {all.length > 0 && (
        <div class="notice bad">
          <div class="notice-head">
            <strong>{formatPlural(all.length, "file")} not taken</strong>
            <button
              type="button"
              class="button quiet"
              onClick={() => {
                refusals.value = [];
              }}
            >
              Dismiss
            </button>
          </div>
          <ul class="plain">
            {all.slice(0, MOST).map(({ name, reason }, index) => (
              <li key={index}>
                <b class="refused-name">{name}</b> {reason}
              </li>
            ))}
            {all.length > MOST && <li>and {formatPlural(all.length - MOST, "more file")}</li>}
          </ul>
        </div>
      )}
    </div>
  );
}
