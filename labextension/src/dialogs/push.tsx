import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ISnapshot } from '../models';
import { Problem, TextField } from './fields';
import { Form } from './form';

export interface IPushValues {
  readonly repository: string;
  readonly tag: string;
}

/** Ask where to push a snapshot to; null where the user thinks better of it. */
export async function askPush(
  trans: TranslationBundle,
  snapshot: ISnapshot,
  initial: IPushValues,
  problem: string
): Promise<IPushValues | null> {
  const { reference } = snapshot;
  const colon = reference.lastIndexOf(':');
  const result = await showDialog<IPushValues>({
    title: trans.__('Push %1', reference),
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">
          {trans.__(
            'Others can pull it from there. Log in first where the registry asks who you are.'
          )}
        </p>
        <TextField
          id="wl-push-repository"
          label={trans.__('Repository')}
          placeholder={`registry.example:5000/${reference.slice(0, colon)}`}
          value={values.repository}
          onChange={repository => {
            change({ repository });
          }}
        />
        <TextField
          id="wl-push-tag"
          label={trans.__('Tag')}
          placeholder={reference.slice(colon + 1)}
          value={values.tag}
          onChange={tag => {
            change({ tag });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Push') })
    ],
    focusNodeSelector: '#wl-push-repository'
  });
  return result.button.accept ? result.value : null;
}
