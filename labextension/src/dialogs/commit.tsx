import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices } from '../changes';
import { NO_CHOICES } from '../changes';
import type { ICommitRequest } from '../models';
import { Problem, TextField } from './fields';
import { Form } from './form';
import type { IPreview } from './preview';
import { Preview } from './preview';

export interface ICommitValues {
  tag?: string;
  message?: string;
  verify?: boolean;
  choices?: IChoices;
}

/** Ask what to call a commit and what of the changes to keep; null where the user thinks better of it. */
export async function askCommit(
  trans: TranslationBundle,
  title: string,
  preview: IPreview,
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
        <label
          className="wl-Check"
          title={trans.__(
            'Starts a lab from it and imports its packages first'
          )}
        >
          <input
            type="checkbox"
            checked={values.verify ?? false}
            onChange={event => {
              change({ verify: event.target.checked });
            }}
          />
          {trans.__('Verify before tagging')}
        </label>
        <Preview
          {...preview}
          trans={trans}
          choices={values.choices ?? NO_CHOICES}
          onChange={choices => {
            change({ choices });
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
  const { kinds, paths, allowed } = values.choices ?? NO_CHOICES;
  const exclude = [...kinds, ...paths];
  return {
    ...(tag && { tag }),
    ...(message && { message }),
    ...(exclude.length > 0 && { exclude }),
    ...(allowed.length > 0 && { allow_secrets: allowed }),
    ...(values.verify && { verify: true })
  };
}
