import * as React from 'react';

import type { ISnapshot } from '../models';
import { openMenu } from '../snapshotMenu';
import type { IContext, Run } from '../tokens';
import { CommandIDs } from '../tokens';
import type { INode } from './lineage';
import { lineage, visible } from './lineage';
import { OperationBar } from './operation';
import { SnapshotRow } from './snapshot';

/** The environments that were committed, each under the one that it was made from. */
export function Snapshots(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  const imports = [...store.operations.values()].filter(
    ({ kind, state }) => kind === 'import' && state === 'running'
  );
  return (
    <>
      {store.snapshots.size === 0 ? (
        <p className="wl-Empty">
          {store.loaded
            ? trans.__(
                'Commit a workspace to keep its environment as a snapshot.'
              )
            : trans.__('Loading…')}
        </p>
      ) : (
        <Tree context={context} run={run} />
      )}
      <div className="wl-Actions">
        {imports.map(operation => (
          <OperationBar
            key={operation.id}
            operation={operation}
            trans={trans}
            run={run}
            details={trans.__('Details')}
          />
        ))}
        <button
          className="wl-Button"
          onClick={() => {
            run(CommandIDs.importSnapshot);
          }}
        >
          {trans.__('Import…')}
        </button>
      </div>
    </>
  );
}

/** A tree with one row that Tab leads to; the arrow keys lead from there. */
function Tree(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  const [collapsed, setCollapsed] = React.useState<ReadonlySet<string>>(
    new Set()
  );
  const [chosen, setChosen] = React.useState('');
  const tree = React.useRef<HTMLUListElement>(null);
  const rows = visible(lineage(store.snapshots.values()), collapsed);
  const active = rows.find(row => row.snapshot.id === chosen) ?? rows[0];
  const running = [...store.operations.values()].filter(
    operation => operation.state === 'running'
  );

  const toggle = ({ snapshot }: INode): void => {
    const others = new Set(collapsed);
    if (!others.delete(snapshot.id)) {
      others.add(snapshot.id);
    }
    setCollapsed(others);
  };
  const focus = (node: INode | null | undefined): void => {
    if (node) {
      rowOf(tree.current, node.snapshot)?.focus();
    }
  };
  const menu = (snapshot: ISnapshot, where: DOMRect): void => {
    openMenu(context, snapshot, where);
  };

  const press = (node: INode, key: string): boolean => {
    const index = rows.indexOf(node);
    const isOpen = node.descendants > 0 && !collapsed.has(node.snapshot.id);
    switch (key) {
      case 'ArrowDown':
        focus(rows[index + 1]);
        return true;
      case 'ArrowUp':
        focus(rows[index - 1]);
        return true;
      case 'Home':
        focus(rows[0]);
        return true;
      case 'End':
        focus(rows.at(-1));
        return true;
      case 'ArrowRight':
        if (isOpen) {
          focus(rows[index + 1]);
        } else if (node.descendants > 0) {
          toggle(node);
        }
        return true;
      case 'ArrowLeft':
        if (isOpen) {
          toggle(node);
        } else {
          focus(node.parent);
        }
        return true;
      case 'Enter':
      case ' ':
        menu(node.snapshot, boundsOf(tree.current, node.snapshot));
        return true;
      case 'Delete':
        run(CommandIDs.removeSnapshot, { id: node.snapshot.id });
        return true;
      default:
        return false;
    }
  };

  return (
    <ul
      ref={tree}
      className="wl-List"
      role="tree"
      aria-label={trans.__('Snapshots')}
      onKeyDown={event => {
        const row = event.target as HTMLElement;
        if (row.getAttribute('role') !== 'treeitem') {
          // A button in a row: the way back to the row.
          if (event.key === 'Escape') {
            focus(active);
          }
          return;
        }
        if (active && !hasModifier(event) && press(active, event.key)) {
          event.preventDefault();
          event.stopPropagation();
        }
      }}
    >
      {rows.map(node => {
        const { snapshot } = node;
        return (
          <SnapshotRow
            key={snapshot.id}
            node={node}
            expanded={!collapsed.has(snapshot.id)}
            active={node === active}
            operations={running.filter(
              operation => operation.target === snapshot.reference
            )}
            trans={trans}
            run={run}
            onFocus={() => {
              setChosen(snapshot.id);
            }}
            onToggle={() => {
              toggle(node);
            }}
            onMenu={where => {
              menu(snapshot, where);
            }}
          />
        );
      })}
    </ul>
  );
}

function hasModifier(event: React.KeyboardEvent): boolean {
  return event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
}

function rowOf(
  tree: HTMLElement | null,
  snapshot: ISnapshot
): HTMLElement | null {
  const id = CSS.escape(snapshot.id);
  return tree?.querySelector<HTMLElement>(`[data-snapshot="${id}"]`) ?? null;
}

/** Where a menu of a row belongs: below its name. */
function boundsOf(tree: HTMLElement | null, snapshot: ISnapshot): DOMRect {
  const head = rowOf(tree, snapshot)?.querySelector('.wl-Row-head');
  return head?.getBoundingClientRect() ?? new DOMRect();
}
