import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IImage, IWorkspaceKey } from '../models';
import { formatSize } from '../text';

interface IQuestion {
  readonly title: string;
  readonly body: string;
  readonly yes: string;
  readonly harmless?: boolean;
}

/** Ask whether to do it. */
async function confirm(
  trans: TranslationBundle,
  question: IQuestion
): Promise<boolean> {
  const { title, body, yes, harmless = false } = question;
  const accept = harmless ? Dialog.okButton : Dialog.warnButton;
  const result = await showDialog({
    title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      accept({ label: yes })
    ],
    defaultButton: harmless ? 1 : 0
  });
  return result.button.accept;
}

export function confirmRemoval(
  trans: TranslationBundle,
  workspace: IWorkspaceKey
): Promise<boolean> {
  return confirmRemovalOf(
    trans,
    workspace.name,
    trans.__(
      'Notebooks in the mounted directory stay. Changes inside the environment that were not committed are lost.'
    )
  );
}

/** Ask whether to remove something; `lost` says what goes with it. */
export function confirmRemovalOf(
  trans: TranslationBundle,
  name: string,
  lost: string
): Promise<boolean> {
  return confirm(trans, {
    title: trans.__('Remove %1?', name),
    body: lost,
    yes: trans.__('Remove')
  });
}

/** Ask whether to build or pull an image that a launch needs. */
export function confirmFetch(
  trans: TranslationBundle,
  image: IImage
): Promise<boolean> {
  const name = image.title || image.reference;
  const size = image.size ?? image.adds;
  const sentences = [
    image.buildable
      ? trans.__('%1 is not built on this machine yet.', name)
      : trans.__('%1 is not on this machine yet.', name),
    size ? trans.__('It takes about %1.', formatSize(size)) : '',
    trans.__(
      'The workspace is launched when that is done, as long as this page stays open.'
    )
  ];
  return confirm(trans, {
    title: image.buildable
      ? trans.__('Build it first?')
      : trans.__('Pull it first?'),
    body: sentences.filter(Boolean).join(' '),
    yes: image.buildable
      ? trans.__('Build and launch')
      : trans.__('Pull and launch'),
    harmless: true
  });
}
