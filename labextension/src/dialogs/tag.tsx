import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Problem, TextField } from './fields';
import { Form } from './form';

/** Ask for another tag of a snapshot that is imported; null where the user thinks better of it. */
export async function askTag(
  trans: TranslationBundle,
  title: string,
  tag: string,
  problem: string
): Promise<string | null> {
  const result = await showDialog<{ tag: string }>({
    title,
    body: new Form({ tag }, (values, change) => (
      <>
        <Problem text={problem} />
        <TextField
          id="wl-import-tag"
          label={trans.__('Tag')}
          value={values.tag}
          onChange={changed => {
            change({ tag: changed });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Import') })
    ],
    focusNodeSelector: '#wl-import-tag'
  });
  return result.button.accept ? (result.value?.tag.trim() ?? '') : null;
}
