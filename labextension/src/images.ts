import type { Notification } from '@jupyterlab/apputils';

import { askUntilTaken } from './ask';
import { confirmRemovalOf } from './dialogs/confirm';
import { askPull } from './dialogs/pull';
import { askPush } from './dialogs/push';
import type { IImage, ISnapshot } from './models';
import type { IFollowOptions } from './notifications';
import { fetchWords, pullWords, pushWords } from './operationText';
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

/** Ask where to push a snapshot, until the server begins or the user gives up. */
export async function push(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const operation = await askUntilTaken(
    { repository: '', tag: '' },
    (values, problem) => askPush(trans, snapshot, values, problem),
    ({ repository, tag }) =>
      api.push(snapshot, repository.trim(), tag.trim() || undefined)
  );
  if (operation) {
    notices.follow(operation, pushWords(trans, operation.target));
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

export async function removeSnapshot(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const lost = trans.__(
    'The environment that it keeps is lost, unless a registry has it.'
  );
  if (await confirmRemovalOf(trans, snapshot.reference, lost)) {
    try {
      await api.removeSnapshot(snapshot);
    } catch (error) {
      notices.problem(error);
    }
  }
}
