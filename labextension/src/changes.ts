import type { IChangeGroup, IChanges, ISecret } from './environmentModels';

/** What the user has said of what would be kept. */
export interface IChoices {
  /** Paths that are left out, with what lies below them. */
  readonly excluded: readonly string[];
  /** Paths of suspected secrets that are kept all the same. */
  readonly allowed: readonly string[];
}

export const NO_CHOICES: IChoices = { excluded: [], allowed: [] };

/** Whether a path, or a directory that it lies in, is left out. */
export function isExcluded(path: string, excluded: readonly string[]): boolean {
  return excluded.some(out => path === out || path.startsWith(`${out}/`));
}

/** Whether all of a group is left out. */
export function isLeftOut(group: IChangeGroup, choices: IChoices): boolean {
  const { paths } = group;
  return (
    paths.length > 0 && paths.every(path => isExcluded(path, choices.excluded))
  );
}

/** Bytes that remain of a group. */
export function remaining(group: IChangeGroup, choices: IChoices): number {
  if (isLeftOut(group, choices)) {
    return 0;
  }
  const out = group.items.filter(({ path }) =>
    isExcluded(path, choices.excluded)
  );
  return Math.max(0, group.size - out.reduce((sum, one) => sum + one.size, 0));
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
  const chosen = new Set(paths);
  const others = choices.excluded.filter(path => !chosen.has(path));
  return {
    allowed: choices.allowed.filter(path => keep || !chosen.has(path)),
    excluded: keep ? others : [...others, ...chosen]
  };
}

/** The choices with all of a group left out, or kept after all. */
export function chooseGroup(
  choices: IChoices,
  group: IChangeGroup,
  keep: boolean
): IChoices {
  const items = group.items.map(({ path }) => path);
  const kept = choose(choices, [...group.paths, ...items], true);
  return keep ? kept : choose(kept, group.paths, false);
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

/** The rules that each path breaks: what was told of by one and the other. */
export function rulesOf(
  ...told: readonly (readonly ISecret[])[]
): ReadonlyMap<string, readonly string[]> {
  const rules = new Map<string, string[]>();
  for (const { path, rule } of told.flat()) {
    const known = rules.get(path) ?? [];
    rules.set(path, known.includes(rule) ? known : [...known, rule]);
  }
  return rules;
}
