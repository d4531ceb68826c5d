import type { ISnapshot } from '../models';

/** A row of the tree of snapshots. */
export interface INode {
  readonly snapshot: ISnapshot;
  /** 1 for what was committed over an image that is no snapshot here. */
  readonly level: number;
  /** Which of its siblings it is, from 1, and how many they are. */
  readonly position: number;
  readonly siblings: number;
  /** How many were committed over it, at any distance. */
  readonly descendants: number;
  readonly parent: INode | null;
}

/** The snapshots as rows of a tree, each under the one that it was committed over; the newest branches first. */
export function lineage(snapshots: Iterable<ISnapshot>): INode[] {
  const all = [...snapshots].sort((a, b) =>
    (b.created ?? '').localeCompare(a.created ?? '')
  );
  const known = new Set(all.map(snapshot => snapshot.id));
  const children = new Map<string, ISnapshot[]>();
  for (const snapshot of all) {
    const parent = snapshot.parent_id ?? '';
    const over = known.has(parent) && parent !== snapshot.id ? parent : '';
    children.set(over, [...(children.get(over) ?? []), snapshot]);
  }
  const rows: INode[] = [];

  const add = (parent: INode | null): number => {
    const siblings = children.get(parent?.snapshot.id ?? '') ?? [];
    let count = 0;
    for (const [index, snapshot] of siblings.entries()) {
      const node = {
        snapshot,
        level: (parent?.level ?? 0) + 1,
        position: index + 1,
        siblings: siblings.length,
        descendants: 0,
        parent
      };
      rows.push(node);
      node.descendants = add(node);
      count += 1 + node.descendants;
    }
    return count;
  };
  add(null);
  return rows;
}

/** The rows that are seen while some are collapsed. */
export function visible(
  rows: readonly INode[],
  collapsed: ReadonlySet<string>
): INode[] {
  const isHidden = (node: INode): boolean =>
    node.parent !== null &&
    (collapsed.has(node.parent.snapshot.id) || isHidden(node.parent));
  return rows.filter(node => !isHidden(node));
}
