import { useSignal } from "@preact/signals";
import type { Pipeline } from "../api/types.ts";

/** With more pipelines than this there is a field to find one by. */
const MANY = 8;

interface Props {
  pipelines: Pipeline[];
  chosen: Pipeline | undefined;
  onChoose: (pipeline: Pipeline) => void;
}

/** The pipelines that somebody may upload to, one to be chosen. */
export function PipelinePicker({ pipelines, chosen, onChoose }: Props) {
  const sought = useSignal("");
  const words = sought.value.trim().toLowerCase();
  const shown = pipelines.filter(({ name, description }) =>
    `${name} ${description}`.toLowerCase().includes(words),
  );
  return (
    <fieldset class="picker">
      <legend>Pipeline</legend>
      {pipelines.length > MANY && (
        <input
          type="search"
          class="field"
          aria-label="Find a pipeline"
          placeholder="Find a pipeline"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
      )}
      <div class="picker-list">
        {shown.map((pipeline) => (
          <label key={pipeline.name} class="choice">
            <input
              type="radio"
              name="pipeline"
              value={pipeline.name}
              checked={pipeline === chosen}
              onChange={() => onChoose(pipeline)}
            />
            <span class="choice-name">{pipeline.name}</span>
            <span class="choice-text">{pipeline.description}</span>
          </label>
        ))}
        {shown.length === 0 && <p class="quiet-text">No pipeline is called that.</p>}
      </div>
    </fieldset>
  );
}
