import type { IChangedPath, IChangeGroup, IChanges } from './environmentModels';

/** What the server says of a path: itself alone, or with what it takes. */
type Told = string | IChangedPath;

interface IToldGroup {
  readonly kind: string;
  readonly paths: readonly Told[];
  readonly size: number;
  readonly entries: number;
}

/** What the server says would be kept, each path with its size. */
export function readChanges(
  told: Omit<IChanges, 'groups'> & { readonly groups: readonly IToldGroup[] }
): IChanges {
  return {
    ...told,
    groups: told.groups.map(group => ({
      ...group,
      paths: group.paths.map(path =>
        typeof path === 'string' ? { path, size: 0 } : path
      )
    }))
  };
}

/** What the user has said of what would be kept. */
export interface IChoices {
  /** Paths that are left out. */
  readonly excluded: readonly string[];
  /** Paths of suspected secrets that are kept all the same. */
  readonly allowed: readonly string[];
}

export const NO_CHOICES: IChoices = { excluded: [], allowed: [] };

/** Whether a path, or a directory that it lies in, is left out. */
export function isExcluded(path: string, excluded: readonly string[]): boolean {
  return excluded.some(out => path === out || path.startsWith(`${out}/`));
}

/** Bytes that remain of a group. */
export function remaining(group: IChangeGroup, choices: IChoices): number {
  const { paths, size } = group;
  const out = paths.filter(({ path }) => isExcluded(path, choices.excluded));
  if (out.length === paths.length && paths.length > 0) {
    return 0;
  }
  return Math.max(0, size - out.reduce((sum, one) => sum + one.size, 0));
}

/** Bytes that remain of it all. */
export function total(changes: IChanges, choices: IChoices): number {
  const left = changes.groups.map(
    group => group.size - remaining(group, choices)
  );
  return Math.max(0, changes.size - left.reduce((sum, one) => sum + one, 0));
}

/** The choices with some paths left out, or kept after all. */
export function choose(
  choices: IChoices,
  paths: readonly string[],
  keep: boolean
): IChoices {
  const others = choices.excluded.filter(path => !paths.includes(path));
  return {
    allowed: choices.allowed.filter(path => keep || !paths.includes(path)),
    excluded: keep ? others : [...others, ...paths]
  };
}

/** The choices with a suspected secret left out or kept. */
export function decide(
  choices: IChoices,
  path: string,
  keep: boolean
): IChoices {
  const { allowed, excluded } = choose(choices, [path], keep);
  const others = allowed.filter(other => other !== path);
  return { excluded, allowed: keep ? [...others, path] : others };
}
