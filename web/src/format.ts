/** Numbers and times as people read them. */

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** Bytes in binary units, as the pipeline files write them: `100 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) {
    return "1 byte";
  }
  let value = bytes;
  let unit = 0;
  // 1023.95 and more would read "1024.0"
  while (unit < UNITS.length - 1 && value >= 1023.95) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(value >= 100 ? 0 : 1))} ${UNITS[unit]}`;
}

const COUNT = new Intl.NumberFormat("en");

/** A whole number with its thousands apart. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** A count with its word: `1 file`, `2 files`. */
export function formatPlural(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** How much of a whole is there, 0 to 100; 100 only where it is all. */
export function toPercent(part: number, whole: number): number {
  if (whole <= 0) {
    return 0;
  }
  const percent = Math.floor((part / whole) * 100);
  return Math.max(0, Math.min(part >= whole ? 100 : 99, percent));
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY_TIME = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" } as const;
const THIS_YEAR = new Intl.DateTimeFormat(undefined, DAY_TIME);
const ANY_YEAR = new Intl.DateTimeFormat(undefined, { ...DAY_TIME, year: "numeric" });

export function formatTime(iso: string): string {
  return TIME.format(new Date(iso));
}

/** A day and time; the year only where it is not this one. */
export function formatDayTime(iso: string | number): string {
  const at = new Date(iso);
  return (at.getFullYear() === new Date().getFullYear() ? THIS_YEAR : ANY_YEAR).format(at);
}

/** A duration in the two largest units that it has: `8 s`, `2 min 5 s`, `3 h 10 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  }
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}
