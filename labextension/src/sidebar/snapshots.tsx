import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ISnapshot } from '../models';
import { formatSize, formatTime } from '../text';
import type { IContext, Run } from '../tokens';
import { CommandIDs } from '../tokens';

/** The environments that were committed, the newest first. */
export function Snapshots(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  const snapshots = [...store.snapshots.values()].sort((a, b) =>
    (b.created ?? '').localeCompare(a.created ?? '')
  );
  if (snapshots.length === 0) {
    return (
      <p className="wl-Empty">
        {store.loaded
          ? trans.__(
              'Commit a workspace to keep its environment as a snapshot.'
            )
          : trans.__('Loading…')}
      </p>
    );
  }
  return (
    <ul className="wl-List" aria-label={trans.__('Snapshots')}>
      {snapshots.map(snapshot => (
        <SnapshotRow
          key={snapshot.id}
          snapshot={snapshot}
          trans={trans}
          run={run}
        />
      ))}
    </ul>
  );
}

interface ISnapshotRowProps {
  readonly snapshot: ISnapshot;
  readonly trans: TranslationBundle;
  readonly run: Run;
}

/** An environment that was committed, from which a workspace can be launched. */
function SnapshotRow(props: ISnapshotRowProps): React.ReactElement {
  const { snapshot, trans, run } = props;
  const { created, id, message, reference, size } = snapshot;
  const buttons = [
    [trans.__('Launch'), CommandIDs.launch, { image: reference }],
    [trans.__('Push'), CommandIDs.pushSnapshot, { id }],
    [trans.__('Remove'), CommandIDs.removeSnapshot, { id }]
  ] as const;
  return (
    <li className="wl-Row" aria-label={reference}>
      <div className="wl-Row-name">{reference}</div>
      {message && <div className="wl-Row-text">{message}</div>}
      <div className="wl-Row-detail">
        {created && <time dateTime={created}>{formatTime(created)}</time>}
        {created && ' · '}
        {formatSize(size)}
      </div>
      <div className="wl-Buttons">
        {buttons.map(([label, command, args]) => (
          <button
            key={command}
            className="wl-Button"
            onClick={() => {
              run(command, args);
            }}
          >
            {label}
          </button>
        ))}
      </div>
    </li>
  );
}
