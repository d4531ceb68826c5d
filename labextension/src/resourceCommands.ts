import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';

import { cleanUp, create, discard, manageRegistries } from './attachments';
import { choose } from './choose';
import { fetchImage, pull, push, removeImage, removeSnapshot } from './images';
import { showLog } from './log';
import type { IImage } from './models';
import { isHere } from './models';
import { titleOf } from './operationText';
import type { IContext, Run } from './tokens';
import { CommandIDs, PANEL_ID } from './tokens';

/** Something that a command is about: what there is, what names it, and what is done. */
interface ISubject<T> {
  readonly id: string;
  readonly label: string;
  readonly ok: string;
  /** The argument that names one; without it the user is asked. */
  readonly argument: string;
  readonly list: () => Promise<readonly T[]> | readonly T[];
  readonly key: (item: T) => string;
  readonly name: (item: T) => string;
  readonly act: (item: T) => Promise<void> | void;
}

/** Add the commands for what workspaces are made from and with. */
export function addResourceCommands(
  app: JupyterFrontEnd,
  context: IContext,
  run: Run,
  palette: ICommandPalette | null
): void {
  const { api, commands, doctor, notices, store, trans } = context;
  const category = trans.__('Workspaces');

  const add = (id: string, label: string, execute: () => unknown): void => {
    commands.addCommand(id, { label, execute });
    palette?.addItem({ command: id, category });
  };

  const addSubject = <T>(subject: ISubject<T>): void => {
    const { id, argument, key, name, ok } = subject;
    const title = subject.label;
    commands.addCommand(id, {
      label: trans.__('%1…', title),
      execute: async args => {
        const items = await subject.list();
        const item =
          argument in args
            ? items.find(one => key(one) === args[argument])
            : await choose(items, name, title, ok);
        if (item !== undefined) {
          await subject.act(item);
        }
      }
    });
    palette?.addItem({ command: id, category });
  };

  addSubject<IImage>({
    id: CommandIDs.fetchImage,
    label: trans.__('Build or Pull Container Image'),
    ok: trans.__('Build or pull'),
    argument: 'reference',
    list: async () =>
      (await api.images()).filter(image => image.kind !== 'snapshot'),
    key: image => image.reference,
    name: image => image.reference,
    act: image => fetchImage(context, image)
  });
  addSubject<IImage>({
    id: CommandIDs.removeImage,
    label: trans.__('Remove Container Image'),
    ok: trans.__('Remove'),
    argument: 'reference',
    list: async () =>
      (await api.images()).filter(
        image => isHere(image) && image.kind !== 'snapshot'
      ),
    key: image => image.reference,
    name: image => image.reference,
    act: image => removeImage(context, image)
  });
  for (const [id, label, ok, act] of [
    [
      CommandIDs.pushSnapshot,
      trans.__('Push Workspace Snapshot'),
      trans.__('Push'),
      push
    ],
    [
      CommandIDs.removeSnapshot,
      trans.__('Remove Workspace Snapshot'),
      trans.__('Remove'),
      removeSnapshot
    ]
  ] as const) {
    addSubject({
      id,
      label,
      ok,
      argument: 'id',
      list: () => [...store.snapshots.values()],
      key: snapshot => snapshot.id,
      name: snapshot => snapshot.reference,
      act: snapshot => act(context, snapshot)
    });
  }
  for (const [kind, id, label] of [
    ['volumes', CommandIDs.removeVolume, trans.__('Remove Workspace Volume')],
    ['networks', CommandIDs.removeNetwork, trans.__('Remove Workspace Network')]
  ] as const) {
    addSubject<{ readonly name: string }>({
      id,
      label,
      ok: trans.__('Remove'),
      argument: 'name',
      list: () => api[kind](),
      key: item => item.name,
      name: item => item.name,
      act: item => discard(context, kind, item.name)
    });
  }
  addSubject({
    id: CommandIDs.log,
    label: trans.__('Show Log of Workspace Operation'),
    ok: trans.__('Show log'),
    argument: 'id',
    list: () => [...store.operations.values()].reverse(),
    key: operation => operation.id,
    name: operation => `${titleOf(operation, trans)} (${operation.id})`,
    act: operation => {
      showLog(app.shell, context, run, operation);
    }
  });

  add(CommandIDs.pullImage, trans.__('Pull Container Image…'), () =>
    pull(context)
  );
  add(CommandIDs.createVolume, trans.__('New Workspace Volume…'), () =>
    create(context, 'volumes')
  );
  add(CommandIDs.createNetwork, trans.__('New Workspace Network…'), () =>
    create(context, 'networks')
  );
  add(CommandIDs.cleanUp, trans.__('Clean Up Workspaces…'), () =>
    cleanUp(context)
  );
  add(CommandIDs.registries, trans.__('Container Registries…'), () =>
    manageRegistries(context)
  );
  add(
    CommandIDs.doctor,
    trans.__('Check This Machine for Workspaces'),
    async () => {
      await doctor.examine();
      if (doctor.problems.length + doctor.warnings.length > 0) {
        app.shell.activateById(PANEL_ID);
      } else {
        notices.success(trans.__('Everything that workspaces need is fine.'));
      }
    }
  );
}
