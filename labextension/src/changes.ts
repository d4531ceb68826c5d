import type { IChangeGroup, IChanges, ISecret } from './environmentModels';

/** What the user has said of what would be kept. */
export interface IChoices {
  /** Kinds of changes that are left out. */
  readonly kinds: readonly string[];
  /** Paths that are left out, with what lies below them. */
  readonly paths: readonly string[];
  /** Paths of suspected secrets that are kept all the same. */
  readonly allowed: readonly string[];
}

export const NO_CHOICES: IChoices = { kinds: [], paths: [], allowed: [] };

/** Whether a path, or a directory that it lies in, is left out. */
export type IsOut = (path: string) => boolean;

export function outOf(
  groups: readonly IChangeGroup[],
  choices: IChoices
): IsOut {
  const out = new Set(choices.paths);
  for (const { kind, paths } of groups) {
    if (choices.kinds.includes(kind)) {
      paths.forEach(path => out.add(path));
    }
  }
  if (out.size === 0) {
    return () => false;
  }
  return path => {
    for (let at = path; at; at = at.slice(0, at.lastIndexOf('/'))) {
      if (out.has(at)) {
        return true;
      }
    }
    return false;
  };
}

/** Bytes that remain of a group. */
export function remaining(group: IChangeGroup, isOut: IsOut): number {
  const { items, paths, size } = group;
  if (paths.every(isOut)) {
    return 0;
  }
  const out = items.filter(({ path }) => isOut(path));
  return Math.max(0, size - out.reduce((sum, one) => sum + one.size, 0));
}

/** Bytes that remain of it all. */
export function total(changes: IChanges, isOut: IsOut): number {
  const left = changes.groups.map(
    group => group.size - remaining(group, isOut)
  );
  return Math.max(0, changes.size - left.reduce((sum, one) => sum + one, 0));
}

/** The choices with some paths left out, or kept after all. */
export function choose(
  choices: IChoices,
  paths: readonly string[],
  keep: boolean
): IChoices {
  const chosen = new Set(paths);
  const others = choices.paths.filter(path => !chosen.has(path));
  return { ...choices, paths: keep ? others : [...others, ...chosen] };
}

/** The choices with all of a group left out, or kept after all. */
export function chooseGroup(
  choices: IChoices,
  group: IChangeGroup,
  keep: boolean
): IChoices {
  const kinds = choices.kinds.filter(kind => kind !== group.kind);
  return {
    ...choose(choices, group.paths, true),
    kinds: keep ? kinds : [...kinds, group.kind]
  };
}

/** The choices with some suspected secrets left out, or kept in spite of it. */
export function decide(
  choices: IChoices,
  secrets: readonly string[],
  keep: boolean
): IChoices {
  const others = choices.allowed.filter(path => !secrets.includes(path));
  return {
    ...choose(choices, secrets, keep),
    allowed: keep ? [...others, ...secrets] : others
  };
}

/** What looks like a secret and why, told by one and the other. */
export function reasons(
  ...told: readonly (readonly ISecret[])[]
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { path, what } of told.flat()) {
    const known = found.get(path) ?? [];
    found.set(path, known.includes(what) ? known : [...known, what]);
  }
  return found;
}
