import { STEPS, type Way } from "../status/words.ts";

interface Props {
  way: Way;
  /** how much of the first step is done, 0 to 1 */
  sent: number;
}

/** A file's way as five bars; the words beside it say the same. */
export function Track({ way, sent }: Props) {
  return (
    <span class={`track ${way.tone}`} aria-hidden="true">
      {STEPS.map((step, index) => (
        <span key={step} class={`step ${toKind(index, way)}`}>
          {index === 0 && way.done === 0 && <span class="fill" style={{ transform: `scaleX(${sent})` }} />}
        </span>
      ))}
    </span>
  );
}

function toKind(index: number, { done, tone, ended }: Way): string {
  if (index < done) {
    return "done";
  }
  if (index > done || (ended && tone === "idle")) {
    return "";
  }
  return tone === "bad" || tone === "warn" ? "stopped" : tone === "active" && index > 0 ? "now" : "";
}

/** The names of the steps, above the tracks of a list. */
export function TrackHead() {
  return (
    <div class="list-head" aria-hidden="true">
      <span>File</span>
      <span class="track-names">
        {STEPS.map((step) => (
          <span key={step}>{step}</span>
        ))}
      </span>
      <span>Now</span>
    </div>
  );
}
