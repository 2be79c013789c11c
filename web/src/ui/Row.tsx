import { useSignal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useId } from "preact/hooks";
import type { Way } from "../status/words.ts";
import { Track } from "./Track.tsx";

interface Props {
  name: string;
  facts: string;
  way: Way;
  sent: number;
  /** the buttons of the row */
  actions?: ComponentChildren;
  /** what is shown when the row is opened */
  details: () => ComponentChildren;
  opener?: RefObject<HTMLButtonElement>;
}

/** A file in a list: name, way, what it is at. Its height is the same in every state. */
export function Row({ name, facts, way, sent, actions, details, opener }: Props) {
  const isOpen = useSignal(false);
  const id = useId();
  return (
    <li class={`row${isOpen.value ? " open" : ""}`}>
      <div class={`row-line${actions ? "" : " bare"}`}>
        <button
          type="button"
          class="row-name"
          ref={opener ?? null}
          aria-expanded={isOpen.value}
          aria-controls={id}
          onClick={() => {
            isOpen.value = !isOpen.value;
          }}
        >
          <svg class="chevron" viewBox="0 0 16 16" aria-hidden="true">
            <path d="m6 3.5 4.5 4.5L6 12.5" />
          </svg>
          <span class="row-file" title={name}>
            {name}
          </span>
          <span class="row-facts">{facts}</span>
        </button>
        <Track way={way} sent={sent} />
        <span class="row-now">
          <span class={`row-label ${way.tone}`}>{way.label}</span>
          <span class="row-note" title={way.note}>
            {way.note}
          </span>
        </span>
        {actions && <span class="row-actions">{actions}</span>}
      </div>
      <div id={id} hidden={!isOpen.value}>
        {isOpen.value && details()}
      </div>
    </li>
  );
}
