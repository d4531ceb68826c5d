import type { Notification } from '@jupyterlab/apputils';

import { askUntilTaken } from './ask';
import { confirmRemovalOf } from './dialogs/confirm';
import { askPull } from './dialogs/pull';
import type { IImage } from './models';
import type { IFollowOptions } from './notifications';
import { fetchWords, pullWords } from './operationText';
import type { IContext } from './tokens';

export interface IFetchOptions extends IFollowOptions {
  /** What can be done besides looking at the log when it has failed. */
  actionsOnFailure?: readonly Notification.IAction[];
}

/** Build an image where the server can, pull it otherwise, and tell how that goes; throws where it cannot begin. */
export async function fetchImage(
  context: IContext,
  image: IImage,
  options: IFetchOptions = {}
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = image;
  const operation = image.buildable
    ? await api.build(reference)
    : await api.pull(reference);
  notices.follow(operation, fetchWords(trans, image), {
    ...options,
    next: {
      done: () => [notices.launchAction(reference)],
      failed: () => [
        notices.detailsAction(operation),
        ...(options.actionsOnFailure ?? [])
      ],
      ...options.next
    }
  });
}

/** Ask which image to pull, until the server begins or the user gives up. */
export async function pull(context: IContext): Promise<void> {
  const { api, notices, trans } = context;
  const operation = await askUntilTaken(
    { image: '' },
    (values, problem) => askPull(api, trans, values, problem),
    ({ image }) => api.pull(image.trim())
  );
  if (operation) {
    notices.follow(operation, pullWords(trans, operation.target), {
      next: { done: reference => [notices.launchAction(reference)] }
    });
  }
}

export async function removeImage(
  context: IContext,
  image: IImage
): Promise<void> {
  const { api, notices, store, trans } = context;
  const lost = image.buildable
    ? trans.__('It can be built again.')
    : trans.__('What no registry has is lost.');
  if (await confirmRemovalOf(trans, image.title || image.reference, lost)) {
    try {
      await api.removeImage(image.reference);
    } catch (error) {
      notices.problem(error);
    }
    store.touch();
  }
}
