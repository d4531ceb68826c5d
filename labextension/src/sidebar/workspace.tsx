import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { allows } from '../actions';
import type { IOperation, IWorkspace } from '../models';
import { concerns } from '../models';
import { formatSeconds } from '../text';
import type { Run } from '../tokens';
import { CommandIDs } from '../tokens';
import { OperationBar } from './operation';

const LAST_STEPS = 4;

export interface IWorkspaceRowProps {
  readonly workspace: IWorkspace;
  readonly operations: readonly IOperation[];
  readonly trans: TranslationBundle;
  readonly run: Run;
}

/** A workspace: what it is, how it is, and what can be done to it. */
export function WorkspaceRow(props: IWorkspaceRowProps): React.ReactElement {
  const { workspace, trans, run } = props;
  const { owner, name, state, steps = [] } = workspace;
  const unsettled = state === 'starting' || state === 'failed';
  const operations = props.operations.filter(item => concerns(item, workspace));
  const buttons = [
    ['open', trans.__('Open'), CommandIDs.open],
    ['start', trans.__('Start'), CommandIDs.start],
    ['stop', trans.__('Stop'), CommandIDs.stop],
    ['commit', trans.__('Commit'), CommandIDs.commit],
    ['remove', trans.__('Remove'), CommandIDs.remove]
  ] as const;
  return (
    <li className="wl-Row" aria-label={name}>
      <div className="wl-Row-head">
        <span className="wl-Row-name">{name}</span>
        <span className="wl-State">
          <span className={`wl-Dot wl-mod-${state}`} aria-hidden="true" />
          {stateWords(workspace, trans)}
        </span>
      </div>
      <div className="wl-Row-detail">{workspace.image}</div>
      {unsettled && steps.length > 0 && (
        <ol className="wl-Steps" aria-label={trans.__('Steps')}>
          {steps.slice(-LAST_STEPS).map(step => (
            <li key={step.name}>
              <span>{step.name}</span>
              <span className="wl-Steps-time">
                {formatSeconds(step.seconds)}
              </span>
            </li>
          ))}
        </ol>
      )}
      {unsettled && workspace.message && (
        <div className={`wl-Message wl-mod-${state}`}>{workspace.message}</div>
      )}
      {operations.map(operation => (
        <OperationBar
          key={operation.id}
          operation={operation}
          trans={trans}
          run={run}
        />
      ))}
      <div className="wl-Buttons">
        {buttons.map(([verb, label, command]) => (
          <button
            key={verb}
            className={`wl-Button wl-mod-${verb}`}
            disabled={!allows(workspace, verb)}
            onClick={() => {
              run(command, { owner, name });
            }}
          >
            {label}
          </button>
        ))}
      </div>
    </li>
  );
}

function stateWords(workspace: IWorkspace, trans: TranslationBundle): string {
  switch (workspace.state) {
    case 'starting':
      return trans.__('Starting');
    case 'running':
      return trans.__('Running');
    case 'paused':
      return trans.__('Paused');
    case 'stopping':
      return trans.__('Stopping');
    case 'stopped':
      return trans.__('Stopped');
    case 'failed':
      return trans.__('Failed');
  }
}
