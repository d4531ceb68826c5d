import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Problem, TextField } from './fields';
import { Form } from './form';

export interface INameValues {
  readonly name: string;
}

/** Ask for the name of something new; null where the user thinks better of it. */
export async function askName(
  trans: TranslationBundle,
  title: string,
  lead: string,
  initial: INameValues,
  problem: string
): Promise<INameValues | null> {
  const result = await showDialog<INameValues>({
    title,
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">{lead}</p>
        <TextField
          id="wl-new-name"
          label={trans.__('Name')}
          value={values.name}
          onChange={name => {
            change({ name });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Create') })
    ],
    focusNodeSelector: '#wl-new-name'
  });
  return result.button.accept ? result.value : null;
}
