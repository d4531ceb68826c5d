import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ISnapshot } from './models';
import type { Run } from './row';
import { formatSize, formatTime } from './text';
import { CommandIDs } from './tokens';

export interface ISnapshotRowProps {
  readonly snapshot: ISnapshot;
  readonly trans: TranslationBundle;
  readonly run: Run;
}

/** An environment that was committed, from which a workspace can be launched. */
export function SnapshotRow(props: ISnapshotRowProps): React.ReactElement {
  const { snapshot, trans, run } = props;
  const { created, message, reference, size } = snapshot;
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
        <button
          className="wl-Button"
          onClick={() => {
            run(CommandIDs.launch, { image: reference });
          }}
        >
          {trans.__('Launch')}
        </button>
      </div>
    </li>
  );
}
