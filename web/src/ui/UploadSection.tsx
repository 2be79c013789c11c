import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Pipeline } from "../api/types.ts";
import { formatBytes, formatPlural } from "../format.ts";
import { listNames } from "../upload/checks.ts";
import type { Refusal } from "../upload/engine.ts";
import { DropZone } from "./DropZone.tsx";
import { PipelinePicker } from "./PipelinePicker.tsx";
import { Refusals } from "./Refusals.tsx";
import { useServices } from "./services.ts";

const CHOSEN = "sparkdrop.pipeline";

/** Where the files belong, what is taken there, and the place to drop them. */
export function UploadSection() {
  const { engine, catalog } = useServices();
  const open = catalog.pipelines.filter((pipeline) => pipeline.may_upload);
  const chosenName = useSignal(localStorage.getItem(CHOSEN) ?? "");
  const refusals = useSignal<Refusal[]>([]);
  const chosen =
    open.find(({ name }) => name === chosenName.value) ?? (open.length === 1 ? open[0] : undefined);
  useEffect(() => void engine.loadInterrupted(), [engine]);

  const choose = ({ name }: Pipeline): void => {
    chosenName.value = name;
    refusals.value = [];
    localStorage.setItem(CHOSEN, name);
  };
  const take = (files: File[]): void => {
    if (chosen) {
      refusals.value = engine.add(files, chosen);
    } else if (files.length) {
      refusals.value = [{ name: formatPlural(files.length, "file"), reason: "First choose a pipeline." }];
    }
  };
  return (
    <section aria-labelledby="upload-title">
      <h1 id="upload-title">Upload files</h1>
      {open.length === 0 ? (
        <p class="notice">
          There is no pipeline that you may upload to. Ask whoever runs Sparkdrop to let you.
        </p>
      ) : (
        <div class="upload">
          <PipelinePicker pipelines={open} chosen={chosen} onChoose={choose} />
          <DropZone isReady={chosen !== undefined} onFiles={take}>
            <Facts pipeline={chosen} />
          </DropZone>
        </div>
      )}
      <Refusals refusals={refusals} />
    </section>
  );
}

/** What a pipeline takes, known before anything is uploaded. */
function Facts({ pipeline }: { pipeline: Pipeline | undefined }) {
  return (
    <dl class="facts">
      <div>
        <dt>Names</dt>
        <dd>{pipeline ? <code>{listNames(pipeline)}</code> : "–"}</dd>
      </div>
      <div>
        <dt>Format</dt>
        <dd>{pipeline ? pipeline.format.toUpperCase() : "–"}</dd>
      </div>
      <div>
        <dt>Size</dt>
        <dd>{pipeline ? `up to ${formatBytes(pipeline.max_bytes)} a file` : "–"}</dd>
      </div>
    </dl>
  );
}
