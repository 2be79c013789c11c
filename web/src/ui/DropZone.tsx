import { useSignal } from "@preact/signals";
import { getDroppedFiles } from "@uppy/utils";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  /** whether a pipeline is chosen; without one, what is dropped is refused with that reason */
  isReady: boolean;
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
}

/** Takes files by drop, anywhere on the page, and by the two buttons. */
export function DropZone({ isReady, onFiles, children }: Props) {
  const isOver = useDrop(onFiles);
  return (
    <div class={`drop${isOver ? " over" : ""}`}>
      <div class="drop-middle">
        <svg class="drop-icon" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 15V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3.5A1.5 1.5 0 0 0 5.5 20h13a1.5 1.5 0 0 0 1.5-1.5V15" />
        </svg>
        <p class="drop-title">
          {isReady ? "Drop files or folders here" : "Choose a pipeline, then drop files here"}
        </p>
        <div class="drop-buttons">
          <FilePicker label="Choose files" kind="primary" isReady={isReady} onFiles={onFiles} />
          <FilePicker label="Choose a folder" folder isReady={isReady} onFiles={onFiles} />
        </div>
      </div>
      {children}
    </div>
  );
}

interface PickerProps {
  label: string;
  kind?: string;
  folder?: boolean;
  isReady: boolean;
  onFiles: (files: File[]) => void;
}

/** A file input in the looks of a button. */
export function FilePicker({ label, kind = "", folder = false, isReady, onFiles }: PickerProps) {
  return (
    <label class={`button file-button ${kind}`} aria-disabled={!isReady}>
      {label}
      <input
        type="file"
        multiple
        disabled={!isReady}
        {...(folder && { webkitdirectory: true })}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = ""; // the same file again is a change too
        }}
      />
    </label>
  );
}

/** Whether files are held over the page; what is dropped is handed on. */
function useDrop(onFiles: (files: File[]) => void): boolean {
  const isOver = useSignal(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    const abort = new AbortController();
    const listen = (type: "dragover" | "dragleave" | "drop", react: (event: DragEvent) => void): void =>
      document.addEventListener(type, react, { signal: abort.signal });
    listen("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) {
        event.preventDefault(); // without it the browser opens what is dropped
        isOver.value = true;
      }
    });
    listen("dragleave", (event) => {
      if (event.relatedTarget === null) {
        isOver.value = false;
      }
    });
    listen("drop", (event) => {
      event.preventDefault();
      isOver.value = false;
      if (event.dataTransfer) {
        void getDroppedFiles(event.dataTransfer).then((files) => take.current(files));
      }
    });
    return () => abort.abort();
  }, [isOver]);
  return isOver.value;
}
