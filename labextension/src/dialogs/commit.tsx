import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ICommitRequest } from '../models';
import { Problem, TextField } from './fields';
import { Form } from './form';

export interface ICommitValues {
  tag?: string;
  message?: string;
}

/** Ask what to call a commit; null where the user thinks better of it. */
export async function askCommit(
  trans: TranslationBundle,
  title: string,
  initial: ICommitValues,
  problem: string
): Promise<ICommitValues | null> {
  const result = await showDialog<ICommitValues>({
    title,
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">
          {trans.__(
            'Keeps the environment as an image from which workspaces can be launched.'
          )}
        </p>
        <TextField
          id="wl-commit-tag"
          label={trans.__('Tag')}
          placeholder={trans.__('date-time')}
          value={values.tag ?? ''}
          onChange={tag => {
            change({ tag });
          }}
        />
        <TextField
          id="wl-commit-message"
          label={trans.__('Message')}
          placeholder={trans.__('what has changed')}
          value={values.message ?? ''}
          onChange={message => {
            change({ message });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Commit') })
    ],
    focusNodeSelector: '#wl-commit-tag'
  });
  return result.button.accept ? result.value : null;
}

export function commitRequest(values: ICommitValues): ICommitRequest {
  const tag = values.tag?.trim();
  const message = values.message?.trim();
  return { ...(tag && { tag }), ...(message && { message }) };
}
