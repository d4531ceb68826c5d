import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** Show what a program wrote. */
export async function showText(
  trans: TranslationBundle,
  title: string,
  text: string
): Promise<void> {
  await showDialog({
    title,
    body: <pre className="wl-Log">{text}</pre>,
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}
