import { askUntilTaken } from './ask';
import { confirmRemovalOf } from './dialogs/confirm';
import { askName } from './dialogs/name';
import { askPrune } from './dialogs/prune';
import { askLogin } from './dialogs/registries';
import { nameOfUnused } from './text';
import type { IContext } from './tokens';

export type AttachmentKind = 'volumes' | 'networks';

/** Ask for a name until the server takes it, and make a volume or a network of it. */
export async function create(
  context: IContext,
  kind: AttachmentKind
): Promise<void> {
  const { api, store, trans } = context;
  const [title, lead] =
    kind === 'volumes'
      ? [
          trans.__('New Volume'),
          trans.__(
            'A place for data that outlives workspaces. Launch with it to have it at a path of your choice.'
          )
        ]
      : [
          trans.__('New Network'),
          trans.__(
            'Workspaces that are launched on it reach one another by their names.'
          )
        ];
  await askUntilTaken(
    { name: '' },
    (values, problem) => askName(trans, title, lead, values, problem),
    async ({ name }) => {
      await api.create(kind, name.trim());
      store.touch();
    }
  );
}

/** Ask whether to remove a volume or a network, and do it. */
export async function discard(
  context: IContext,
  kind: AttachmentKind,
  name: string
): Promise<void> {
  const { api, notices, store, trans } = context;
  const lost =
    kind === 'volumes'
      ? trans.__('What is in the volume is lost.')
      : trans.__('It can be made again.');
  if (await confirmRemovalOf(trans, name, lost)) {
    try {
      await api.discard(kind, name);
    } catch (error) {
      notices.problem(error);
    }
    store.touch();
  }
}

/** Show what nothing uses, and remove what the user chooses of it. */
export async function cleanUp(context: IContext): Promise<void> {
  const { api, notices, store, trans } = context;
  const kinds = await askPrune(api, trans);
  if (!kinds?.length) {
    return;
  }
  try {
    const removed = await api.prune(kinds, false);
    notices.success(
      removed.length > 0
        ? trans.__('Removed: %1', removed.map(nameOfUnused).join(', '))
        : trans.__('There was nothing to remove.')
    );
  } catch (error) {
    notices.problem(error);
  }
  store.touch();
}

/** Show the logins to registries, and log in until a registry takes it or the user has enough. */
export async function manageRegistries(context: IContext): Promise<void> {
  const { api, notices, trans } = context;
  const registry = await askUntilTaken(
    { registry: '', username: '', password: '' },
    (values, problem) => askLogin(api, trans, values, problem),
    async values => {
      const { registry, username, password } = values;
      await api.login(registry.trim(), username.trim(), password);
      return registry.trim() || 'Docker Hub';
    }
  );
  if (registry) {
    notices.success(trans.__('Logged in to %1.', registry));
  }
}
