import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { Problem } from '../dialogs/fields';
import { keyOf } from '../models';
import { formatSize } from '../text';
import type { IContext, Run } from '../tokens';
import { CommandIDs } from '../tokens';
import { useFetched } from './fetched';

/** The user's volumes and networks. */
export function Attachments(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  // A workspace that starts uses nothing until its container is made.
  const users = [...store.workspaces.values()]
    .map(workspace => `${keyOf(workspace)} ${workspace.state}`)
    .join();
  const volumes = useFetched(context, listVolumes, users);
  const networks = useFetched(context, listNetworks, users);
  return (
    <>
      <Problem text={volumes.problem || networks.problem} />
      <List
        title={trans.__('Volumes')}
        empty={trans.__('Data that outlives workspaces has its place in one.')}
        add={trans.__('New volume…')}
        create={CommandIDs.createVolume}
        remove={CommandIDs.removeVolume}
        rows={volumes.value?.map(({ name, size, used_by }) => ({
          name,
          size,
          users: used_by
        }))}
        trans={trans}
        run={run}
      />
      <List
        title={trans.__('Networks')}
        empty={trans.__('Workspaces on one reach one another by name.')}
        add={trans.__('New network…')}
        create={CommandIDs.createNetwork}
        remove={CommandIDs.removeNetwork}
        rows={networks.value?.map(({ name, workspaces }) => ({
          name,
          size: null,
          users: workspaces
        }))}
        trans={trans}
        run={run}
      />
    </>
  );
}

// The same functions each time, as `useFetched` wants them.
const listVolumes = (api: WorkspaceApi): ReturnType<WorkspaceApi['volumes']> =>
  api.volumes();
const listNetworks = (
  api: WorkspaceApi
): ReturnType<WorkspaceApi['networks']> => api.networks();

interface IRow {
  readonly name: string;
  readonly size: number | null;
  readonly users: readonly string[];
}

interface IListProps {
  readonly title: string;
  readonly empty: string;
  readonly add: string;
  /** Commands. */
  readonly create: string;
  readonly remove: string;
  readonly rows: readonly IRow[] | undefined;
  readonly trans: TranslationBundle;
  readonly run: Run;
}

function List(props: IListProps): React.ReactElement {
  const { title, rows, trans, run } = props;
  return (
    <div className="wl-Attachments">
      <div className="wl-Line">
        <h4>{title}</h4>
        <button
          className="wl-Button"
          onClick={() => {
            run(props.create);
          }}
        >
          {props.add}
        </button>
      </div>
      {rows?.length === 0 && <p className="wl-Row-detail">{props.empty}</p>}
      {rows && rows.length > 0 && (
        <ul className="wl-List" aria-label={title}>
          {rows.map(({ name, size, users }) => (
            <li key={name} className="wl-Line" aria-label={name}>
              <span className="wl-Line-text">
                <span className="wl-Row-name">{name}</span>{' '}
                <span className="wl-Row-detail">
                  {[
                    size === null ? '' : formatSize(size),
                    users.length > 0
                      ? trans.__('used by %1', users.join(', '))
                      : trans.__('unused')
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </span>
              </span>
              <button
                className="wl-Button"
                disabled={users.length > 0}
                onClick={() => {
                  run(props.remove, { name });
                }}
              >
                {trans.__('Remove')}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
