import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { tally, tellTally, type Way } from "../status/words.ts";
import type { FileItem } from "../upload/item.ts";
import { Choices } from "./Choices.tsx";
import { FileRow } from "./FileRow.tsx";
import { useServices } from "./services.ts";
import { TrackHead } from "./Track.tsx";

/** With fewer files than this there is nothing to sift. */
const FEW = 6;

const SIEVES = {
  all: "All",
  moving: "Uploading",
  working: "Being worked on",
  attention: "To look at",
  ready: "Ready",
} as const;
type Sieve = keyof typeof SIEVES;

/** The files of this visit. */
export function FileSection() {
  const { engine } = useServices();
  const sieve = useSignal<Sieve>("all");
  const title = useRef<HTMLHeadingElement>(null);
  const items = engine.items.value;
  // as text, which is the same as long as the same files stand there: the list is made anew only when it changes
  const shownKeys = useComputed(() =>
    engine.items.value
      .filter((item) => sieve.value === "all" || tally([item.way.value])[sieve.value] > 0)
      .map(({ key }) => key)
      .join(" "),
  );
  const shown = new Set(shownKeys.value.split(" "));
  if (items.length === 0) {
    return null;
  }
  // the button that was pressed has nothing left to do; without files there is no title either
  const keepFocus = (): void =>
    (engine.items.peek().length ? title.current : document.getElementById("main"))?.focus();
  return (
    <section aria-labelledby="files-title">
      <div class="section-head">
        <h2 id="files-title" tabIndex={-1} ref={title}>
          This visit
        </h2>
        <TallyLine items={items} />
        <ListActions items={items} onCleared={keepFocus} />
      </div>
      {items.length >= FEW && (
        <Choices
          label="Show"
          options={SIEVES}
          value={sieve.value}
          onChange={(value) => {
            sieve.value = value;
          }}
        />
      )}
      <TrackHead />
      <ul class="rows" aria-labelledby="files-title">
        {items.map((item) => shown.has(item.key) && <FileRow key={item.key} item={item} />)}
      </ul>
      {shownKeys.value === "" && <p class="quiet-text empty">No file stands there now.</p>}
    </section>
  );
}

function TallyLine({ items }: { items: readonly FileItem[] }) {
  const ways: Way[] = items.map((item) => item.way.value);
  return <p class="tally">{tellTally(tally(ways))}</p>;
}

function ListActions({ items, onCleared }: { items: readonly FileItem[]; onCleared: () => void }) {
  const { engine } = useServices();
  const running = items.filter((item) => item.phase.value === "uploading");
  const paused = items.filter((item) => item.phase.value === "paused");
  const broken = items.filter((item) => item.phase.value === "broken");
  const hasEnded = items.some((item) => item.way.value.ended);
  const isStopped = running.length === 0 && paused.length > 0;
  return (
    <div class="section-actions">
      {items.length > 1 && (
        <button
          type="button"
          class="button quiet"
          disabled={running.length + paused.length === 0}
          onClick={() => {
            for (const item of isStopped ? paused : running) {
              engine[isStopped ? "resume" : "pause"](item);
            }
          }}
        >
          {isStopped ? "Resume all" : "Pause all"}
        </button>
      )}
      {broken.length > 1 && (
        <button
          type="button"
          class="button quiet"
          onClick={() => {
            for (const item of broken) {
              engine.retry(item);
            }
          }}
        >
          Retry {broken.length} failed
        </button>
      )}
      <button
        type="button"
        class="button quiet"
        disabled={!hasEnded}
        onClick={() => {
          engine.clearEnded();
          onCleared();
        }}
      >
        Clear ended
      </button>
    </div>
  );
}
