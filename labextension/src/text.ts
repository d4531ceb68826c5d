import type { IUnused } from './models';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A size for a person: `1.4 GiB`. */
export function formatSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && size < 10 ? 1 : 0;
  return `${size.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** A size as it is typed into a field: `8g`. */
export function shortSize(bytes: number): string {
  for (const [letter, unit] of [
    ['g', 1024 ** 3],
    ['m', 1024 ** 2],
    ['k', 1024]
  ] as const) {
    if (bytes >= unit && bytes % unit === 0) {
      return `${bytes / unit}${letter}`;
    }
  }
  return String(bytes);
}

/** A time of the server's for a person. */
export function formatTime(time: string): string {
  return new Date(time).toLocaleString(undefined, {
    dateStyle: 'medium',
    timeStyle: 'short'
  });
}

/** Seconds for a person: `1.0 s`, `2 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The start of a text, cut at a word where it is too long. */
export function clip(text: string, length: number): string {
  if (text.length <= length) {
    return text;
  }
  const cut = text.slice(0, length - 1);
  const space = cut.lastIndexOf(' ');
  return `${space > length / 2 ? cut.slice(0, space) : cut}…`;
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** As many characters of an image's or a layer's ID as people know it by. */
const SHORT = 12;

export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, SHORT);
}

/** What people know something unused by. */
export function nameOfUnused({ kind, name }: IUnused): string {
  return kind === 'snapshot' ? shortId(name) : name;
}
