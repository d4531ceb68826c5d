import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { addIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import { workspaceIcon } from './icons';
import { WorkspaceRow } from './row';
import { SnapshotRow } from './snapshot';
import type { IContext } from './tokens';
import { CommandIDs, PANEL_ID } from './tokens';

/** The sidebar: workspaces, what can be done to them, and snapshots. */
export class WorkspacePanel extends ReactWidget {
  constructor(private readonly _context: IContext) {
    super();
    const { trans } = _context;
    this.id = PANEL_ID;
    this.addClass('wl-Panel');
    this.title.icon = workspaceIcon;
    this.title.caption = trans.__('Workspaces');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Workspaces'));
  }

  protected override render(): React.ReactElement {
    return (
      <UseSignal signal={this._context.store.changed}>
        {() => <Panel context={this._context} />}
      </UseSignal>
    );
  }
}

function Panel(props: { readonly context: IContext }): React.ReactElement {
  const { commands, store, trans } = props.context;
  const run = (id: string, args?: ReadonlyPartialJSONObject): void => {
    commands.execute(id, args).catch((error: unknown) => {
      props.context.notices.problem(error);
    });
  };
  const workspaces = [...store.workspaces.values()].sort((a, b) =>
    a.name.localeCompare(b.name)
  );
  const snapshots = [...store.snapshots.values()].sort((a, b) =>
    (b.created ?? '').localeCompare(a.created ?? '')
  );
  const operations = [...store.operations.values()].filter(
    operation => operation.state === 'running'
  );
  const launch = (): void => {
    run(CommandIDs.launch);
  };
  return (
    <>
      <div className="wl-Toolbar">
        <h2>{trans.__('Workspaces')}</h2>
        <button className="wl-Button wl-mod-primary" onClick={launch}>
          <addIcon.react tag="span" className="wl-Button-icon" />
          {trans.__('New Workspace')}
        </button>
      </div>
      <Banners context={props.context} />
      <div className="wl-Content">
        {workspaces.length > 0 ? (
          <ul className="wl-List" aria-label={trans.__('Workspaces')}>
            {workspaces.map(workspace => (
              <WorkspaceRow
                key={`${workspace.owner}/${workspace.name}`}
                workspace={workspace}
                operations={operations}
                trans={trans}
                run={run}
              />
            ))}
          </ul>
        ) : (
          <div className="wl-Empty">
            {store.loaded ? (
              <>
                <p>
                  {trans.__(
                    'No workspaces yet. Launch one to get a JupyterLab with an environment of its own.'
                  )}
                </p>
                <button className="wl-Button" onClick={launch}>
                  {trans.__('Get started')}
                </button>
              </>
            ) : (
              trans.__('Loading…')
            )}
          </div>
        )}
        <h3>{trans.__('Snapshots')}</h3>
        {snapshots.length > 0 ? (
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
        ) : (
          <p className="wl-Empty">
            {store.loaded
              ? trans.__(
                  'Commit a workspace to keep its environment as a snapshot.'
                )
              : trans.__('Loading…')}
          </p>
        )}
      </div>
    </>
  );
}

/** What is wrong with the connection or the engine; goes by itself. */
function Banners(props: {
  readonly context: IContext;
}): React.ReactElement | null {
  const { store, trans } = props.context;
  if (store.connection === 'lost') {
    return (
      <div className="wl-Banner" role="alert">
        {trans.__('Not connected to the server')}
      </div>
    );
  }
  if (!store.engine.reachable) {
    return (
      <div className="wl-Banner" role="alert">
        {store.engine.message ||
          trans.__('The container engine does not answer.')}
      </div>
    );
  }
  return null;
}
