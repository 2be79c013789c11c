import { useSignal } from "@preact/signals";
import { formatBytes, formatDayTime, toPercent } from "../format.ts";
import type { Interrupted } from "../upload/engine.ts";
import { isSameFile } from "../upload/remembered.ts";
import { FilePicker } from "./DropZone.tsx";
import { useServices } from "./services.ts";

/** Uploads that an earlier visit began: a browser forgets the file, so it has to be chosen again. */
export function InterruptedSection() {
  const { engine } = useServices();
  const interrupted = engine.interrupted.value;
  if (interrupted.length === 0) {
    return null;
  }
  return (
    <section aria-labelledby="interrupted-title">
      <h2 id="interrupted-title">Unfinished uploads</h2>
      <p class="quiet-text">
        Choose the same file again, and only what is missing is sent. The browser does not keep the file
        itself.
      </p>
      <ul class="plain boxes">
        {interrupted.map((one) => (
          <InterruptedRow key={one.entry.upload_id} {...one} />
        ))}
      </ul>
    </section>
  );
}

function InterruptedRow({ entry, receivedBytes }: Interrupted) {
  const { engine, catalog } = useServices();
  const problem = useSignal("");
  const take = ([file]: File[]): void => {
    const pipeline = catalog.pipelines.find(({ name }) => name === entry.pipeline);
    if (!file) {
      return;
    }
    if (!pipeline) {
      problem.value = `The pipeline ${entry.pipeline} is not there any more.`;
    } else if (!isSameFile(file, entry)) {
      problem.value = `${file.name} is not that file: name, size and time of change have to be the same.`;
    } else {
      problem.value = engine.add([file], pipeline)[0]?.reason ?? "";
    }
  };
  return (
    <li class="box">
      <div class="box-text">
        <strong class="box-name">{entry.name}</strong>
        <span class="quiet-text">
          {formatBytes(entry.size)}, changed {formatDayTime(entry.lastModified)}, to {entry.pipeline}
          {receivedBytes !== null && ` · ${toPercent(receivedBytes, entry.size)}% is there`}
        </span>
        <span class="bad-text" role="alert">
          {problem.value}
        </span>
      </div>
      <FilePicker label={`Choose ${entry.name}`} isReady onFiles={take} />
      <button
        type="button"
        class="button quiet"
        aria-label={`Discard ${entry.name}`}
        onClick={() => engine.discardInterrupted(entry)}
      >
        Discard
      </button>
    </li>
  );
}
