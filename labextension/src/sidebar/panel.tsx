import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { addIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { workspaceIcon } from '../icons';
import type { IContext, Run } from '../tokens';
import { CommandIDs, PANEL_ID } from '../tokens';
import { Attachments } from './attachments';
import { DoctorCard } from './doctor';
import { Images } from './images';
import { Section } from './section';
import { Snapshots } from './snapshots';
import { WorkspaceRow } from './workspace';

/** The sidebar: workspaces first, and what they are made from and with. */
export class WorkspacePanel extends ReactWidget {
  constructor(
    private readonly _context: IContext,
    private readonly _run: Run
  ) {
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
    const { doctor, store } = this._context;
    return (
      <UseSignal signal={store.changed}>
        {() => (
          <UseSignal signal={doctor.changed}>
            {() => <Panel context={this._context} run={this._run} />}
          </UseSignal>
        )}
      </UseSignal>
    );
  }
}

interface IPanelProps {
  readonly context: IContext;
  readonly run: Run;
}

function Panel(props: IPanelProps): React.ReactElement {
  const { context, run } = props;
  const { trans } = context;
  return (
    <>
      <div className="wl-Toolbar">
        <h2>{trans.__('Workspaces')}</h2>
        <button
          className="wl-Button wl-mod-primary"
          onClick={() => {
            run(CommandIDs.launch);
          }}
        >
          <addIcon.react tag="span" className="wl-Button-icon" />
          {trans.__('New Workspace')}
        </button>
      </div>
      <Banners context={context} />
      <div className="wl-Content">
        <DoctorCard context={context} run={run} />
        <Workspaces context={context} run={run} />
        <Section title={trans.__('Snapshots')} open={true}>
          <Snapshots context={context} run={run} />
        </Section>
        <Section title={trans.__('Images')}>
          <Images context={context} run={run} />
        </Section>
        <Section title={trans.__('Volumes and networks')}>
          <Attachments context={context} run={run} />
        </Section>
        <div className="wl-Actions">
          <button
            className="wl-Button wl-mod-quiet"
            onClick={() => {
              run(CommandIDs.registries);
            }}
          >
            {trans.__('Registries…')}
          </button>
          <button
            className="wl-Button wl-mod-quiet"
            onClick={() => {
              run(CommandIDs.cleanUp);
            }}
          >
            {trans.__('Clean up…')}
          </button>
        </div>
      </div>
    </>
  );
}

function Workspaces(props: IPanelProps): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  const workspaces = [...store.workspaces.values()].sort((a, b) =>
    a.name.localeCompare(b.name)
  );
  const operations = [...store.operations.values()].filter(
    operation => operation.state === 'running'
  );
  if (workspaces.length === 0) {
    return (
      <div className="wl-Empty">
        {store.loaded ? (
          <>
            <p>
              {trans.__(
                'No workspaces yet. Launch one to get a JupyterLab with an environment of its own.'
              )}
            </p>
            <button
              className="wl-Button"
              onClick={() => {
                run(CommandIDs.launch);
              }}
            >
              {trans.__('Get started')}
            </button>
          </>
        ) : (
          trans.__('Loading…')
        )}
      </div>
    );
  }
  return (
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
  );
}

/** What is wrong with the connection or the engine; goes by itself. */
function Banners(props: {
  readonly context: IContext;
}): React.ReactElement | null {
  const { doctor, store, trans } = props.context;
  if (store.connection === 'lost') {
    return (
      <div className="wl-Banner" role="alert">
        {trans.__('Not connected to the server')}
      </div>
    );
  }
  // The doctor says more, and how it is mended.
  if (!store.engine.reachable && doctor.problems.length === 0) {
    return (
      <div className="wl-Banner" role="alert">
        {store.engine.message ||
          trans.__('The container engine does not answer.')}
      </div>
    );
  }
  return null;
}
