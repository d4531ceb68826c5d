import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';

import { cleanUp, create, discard, manageRegistries } from './attachments';
import { fetchImage, pull, removeImage } from './images';
import { showLog } from './log';
import type { IImage } from './models';
import { isHere } from './models';
import { titleOf } from './operationText';
import type { ISubject } from './subject';
import { addSubjectCommand } from './subject';
import type { IContext, Run } from './tokens';
import { CommandIDs, PANEL_ID } from './tokens';

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
    addSubjectCommand(context, palette, subject);
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
