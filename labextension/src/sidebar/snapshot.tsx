import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretRightIcon,
  ellipsesIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IOperation, ISnapshot } from '../models';
import { formatSize, formatTime } from '../text';
import type { Run } from '../tokens';
import { CommandIDs } from '../tokens';
import { Depth } from './depth';
import type { INode } from './lineage';
import { OperationBar } from './operation';

/** Levels that are indented each by itself: a sidebar is narrow. */
const DEEPEST = 6;

export interface ISnapshotRowProps {
  readonly node: INode;
  readonly expanded: boolean;
  /** Whether it is the one row of the tree that Tab leads to. */
  readonly active: boolean;
  readonly operations: readonly IOperation[];
  readonly trans: TranslationBundle;
  readonly run: Run;
  readonly onFocus: () => void;
  readonly onToggle: () => void;
  /** Show what else can be done with it, beside what was clicked or at a point of the page. */
  readonly onMenu: (where: DOMRect) => void;
}

/** An environment that was committed: what it is over its parent, and what can be done with it. */
export function SnapshotRow(props: ISnapshotRowProps): React.ReactElement {
  const { node, expanded, active, trans, run, onToggle, onMenu } = props;
  const { snapshot, level, descendants } = node;
  const { id, message, reference } = snapshot;
  const Caret = expanded ? caretDownIcon : caretRightIcon;
  const tabIndex = active ? 0 : -1;
  const indent = {
    '--wl-level': Math.min(level - 1, DEEPEST)
  } as React.CSSProperties;
  return (
    <li
      className="wl-Row wl-Snapshot"
      role="treeitem"
      aria-label={reference}
      aria-level={level}
      aria-posinset={node.position}
      aria-setsize={node.siblings}
      aria-expanded={descendants > 0 ? expanded : undefined}
      data-snapshot={id}
      style={indent}
      tabIndex={tabIndex}
      onFocus={props.onFocus}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        onMenu(new DOMRect(event.clientX, event.clientY));
      }}
    >
      <div className="wl-Row-head">
        <span className="wl-Row-name">
          {descendants > 0 && (
            // Who has no mouse has the arrow keys for it.
            <span
              className="wl-Snapshot-caret"
              aria-hidden="true"
              onClick={onToggle}
            >
              <Caret.react tag="span" className="wl-Button-icon" />
            </span>
          )}
          {reference}
        </span>
        <Badges snapshot={snapshot} trans={trans} />
      </div>
      {message && <div className="wl-Row-text">{message}</div>}
      <Detail node={node} expanded={expanded} trans={trans} />
      {props.operations.map(operation => (
        <OperationBar
          key={operation.id}
          operation={operation}
          trans={trans}
          run={run}
          details={trans.__('Details')}
        />
      ))}
      <div className="wl-Buttons">
        {(
          [
            [trans.__('Launch'), CommandIDs.launch, { image: reference }],
            [trans.__('Compare'), CommandIDs.compareSnapshot, { id }]
          ] as const
        ).map(([label, command, args]) => (
          <button
            key={command}
            className="wl-Button"
            tabIndex={tabIndex}
            onClick={() => {
              run(command, args);
            }}
          >
            {label}
          </button>
        ))}
        <button
          className="wl-Button wl-mod-icon"
          tabIndex={tabIndex}
          aria-haspopup="menu"
          aria-label={trans.__('More actions')}
          title={trans.__('More actions')}
          onClick={event => {
            onMenu(event.currentTarget.getBoundingClientRect());
          }}
        >
          <ellipsesIcon.react tag="span" className="wl-Button-icon" />
        </button>
      </div>
    </li>
  );
}

/** Whether it was proved to work, and whether others see it. */
function Badges(props: {
  readonly snapshot: ISnapshot;
  readonly trans: TranslationBundle;
}): React.ReactElement | null {
  const { snapshot, trans } = props;
  const { verified, shared } = snapshot;
  return (
    <span className="wl-Badges">
      {verified === true && (
        <span className="wl-Badge wl-mod-verified">{trans.__('verified')}</span>
      )}
      {verified === false && (
        <span className="wl-Badge wl-mod-unverified">
          {trans.__('unverified')}
        </span>
      )}
      {shared && <span className="wl-Badge">{trans.__('shared')}</span>}
    </span>
  );
}

/** When it was made, how big it is, and what is out of sight below it. */
function Detail(props: {
  readonly node: INode;
  readonly expanded: boolean;
  readonly trans: TranslationBundle;
}): React.ReactElement {
  const { node, expanded, trans } = props;
  const { created, layers, size, unique_size, packages } = node.snapshot;
  const parts = [
    formatSize(size),
    unique_size ? trans.__('adds %1', formatSize(unique_size)) : '',
    packages ? trans._n('%1 package', '%1 packages', packages) : '',
    expanded || node.descendants === 0
      ? ''
      : trans.__('%1 more below', node.descendants)
  ];
  return (
    <div className="wl-Row-detail">
      {created && <time dateTime={created}>{formatTime(created)}</time>}
      {created && ' · '}
      {parts.filter(Boolean).join(' · ')}{' '}
      <Depth layers={layers} trans={trans} />
    </div>
  );
}
