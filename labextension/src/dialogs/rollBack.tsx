import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ISnapshot, IWorkspace } from '../models';
import { keyOf } from '../models';
import { Field, Problem } from './fields';
import { Form } from './form';

export interface IRollBackValues {
  /** Its key. */
  readonly workspace: string;
}

/** Ask which workspace is to have the environment of a snapshot; null where the user thinks better of it. */
export async function askRollBack(
  trans: TranslationBundle,
  snapshot: ISnapshot,
  workspaces: readonly IWorkspace[],
  initial: IRollBackValues,
  problem: string
): Promise<IRollBackValues | null> {
  const result = await showDialog<IRollBackValues>({
    title: trans.__('Roll Back'),
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">
          {trans.__(
            'The workspace gets the environment of %1 under its name and address. Notebooks stay. Changes inside the environment that were not committed are lost.',
            snapshot.reference
          )}
        </p>
        <Field id="wl-roll-back-workspace" label={trans.__('Workspace')}>
          <HTMLSelect
            id="wl-roll-back-workspace"
            value={values.workspace}
            onChange={event => {
              change({ workspace: event.target.value });
            }}
          >
            {workspaces.map(workspace => (
              <option key={workspace.id} value={keyOf(workspace)}>
                {workspace.name}
              </option>
            ))}
          </HTMLSelect>
        </Field>
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Roll back') })
    ],
    focusNodeSelector: '#wl-roll-back-workspace'
  });
  return result.button.accept ? result.value : null;
}
