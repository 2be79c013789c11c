import { useRef } from "preact/hooks";
import { formatBytes } from "../format.ts";
import type { Phase } from "../status/words.ts";
import type { FileItem } from "../upload/item.ts";
import { Details } from "./Details.tsx";
import { Row } from "./Row.tsx";
import { useServices } from "./services.ts";

const ICONS = {
  pause: "M5.5 3.5v9m5-9v9",
  resume: "M5 3.2v9.6L12.6 8z",
  retry: "M12.5 8A4.5 4.5 0 1 1 11 4.6M12.5 2.5v3h-3",
  cancel: "m4 4 8 8m0-8-8 8",
};

type Action = "pause" | "resume" | "retry";

const ACTIONS: Partial<Record<Phase, Action>> = {
  uploading: "pause",
  paused: "resume",
  broken: "retry",
  cancelled: "retry",
};
const WORDS: Record<Action, string> = { pause: "Pause", resume: "Resume", retry: "Retry" };

/** A file of this visit. */
export function FileRow({ item }: { item: FileItem }) {
  const opener = useRef<HTMLButtonElement>(null);
  const { file, pipeline } = item;
  return (
    <Row
      name={file.name}
      facts={`${formatBytes(file.size)} · ${pipeline}`}
      way={item.way.value}
      sent={file.size ? item.sentBytes.value / file.size : 0}
      opener={opener}
      actions={<FileActions item={item} onGone={() => opener.current?.focus()} />}
      details={() => <Details uploadId={item.uploadId.value} problem={item.problem.value} />}
    />
  );
}

/** Pause, resume or retry in one place, so that the focus stays where it is; and cancel. */
function FileActions({ item, onGone }: { item: FileItem; onGone: () => void }) {
  const { engine } = useServices();
  const action = ACTIONS[item.phase.value];
  const canCancel = item.isMoving || item.phase.value === "broken";
  return (
    <>
      {action && (
        <IconButton
          key="act"
          icon={ICONS[action]}
          label={`${WORDS[action]} ${item.file.name}`}
          onClick={() => engine[action](item)}
        />
      )}
      {canCancel && (
        <IconButton
          key="cancel"
          icon={ICONS.cancel}
          label={`Cancel ${item.file.name}`}
          onClick={() => {
            onGone(); // this button goes: the focus should not go with it
            engine.cancel(item);
          }}
        />
      )}
    </>
  );
}

function IconButton({ icon, label, onClick }: { icon: string; label: string; onClick: () => void }) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={onClick}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={icon} />
      </svg>
    </button>
  );
}
