import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { allows, cancel, commit, open, remove, start, stop } from './actions';
import { choose } from './choose';
import { newWorkspaceIcon, workspaceIcon } from './icons';
import { launch } from './launch';
import type { IWorkspace } from './models';
import { keyOf } from './models';
import type { IContext } from './tokens';
import { CommandIDs, PANEL_ID } from './tokens';

/** Add the commands; those on a workspace take `{owner, name}`, and ask which one without. */
export function addCommands(
  app: JupyterFrontEnd,
  context: IContext,
  palette: ICommandPalette | null
): void {
  const { commands, store, trans } = context;
  const category = trans.__('Workspaces');

  const add = (
    id: string,
    options: Parameters<typeof commands.addCommand>[1]
  ): void => {
    commands.addCommand(id, options);
    palette?.addItem({ command: id, category });
  };

  add(CommandIDs.launch, {
    label: args =>
      typeof args.image === 'string'
        ? trans.__('Launch from It…')
        : trans.__('New Workspace'),
    icon: args =>
      typeof args.image === 'string' ? undefined : newWorkspaceIcon,
    execute: args =>
      launch(context, typeof args.image === 'string' ? args.image : undefined)
  });

  const verbs = [
    [CommandIDs.open, 'open', trans.__('Open'), open],
    [CommandIDs.start, 'start', trans.__('Start'), start],
    [CommandIDs.stop, 'stop', trans.__('Stop'), stop],
    [CommandIDs.commit, 'commit', trans.__('Commit'), commit],
    [CommandIDs.remove, 'remove', trans.__('Remove'), remove]
  ] as const;
  for (const [id, verb, label, act] of verbs) {
    const candidates = (args: ReadonlyPartialJSONObject): IWorkspace[] => {
      const named = typeof args.name === 'string';
      return [...store.workspaces.values()].filter(
        workspace =>
          allows(workspace, verb) &&
          (!named ||
            (workspace.name === args.name &&
              (args.owner === undefined || workspace.owner === args.owner)))
      );
    };
    add(id, {
      // JupyterLab has an `Open Workspace…` of its own, for layouts.
      label: args =>
        typeof args.name === 'string'
          ? args.name
          : trans.__('%1 Container Workspace…', label),
      icon: verb === 'open' ? workspaceIcon : undefined,
      isEnabled: args => candidates(args).length > 0,
      execute: async args => {
        const found = candidates(args);
        const workspace =
          typeof args.name === 'string'
            ? found[0]
            : await choose(
                found,
                keyOf,
                trans.__('%1 Container Workspace', label),
                label
              );
        if (workspace) {
          await act(context, workspace);
        }
      }
    });
  }

  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel'),
    execute: async args => {
      if (typeof args.id === 'string') {
        await cancel(context, args.id);
      }
    }
  });

  add(CommandIDs.show, {
    label: trans.__('Show Workspaces'),
    icon: workspaceIcon,
    execute: () => {
      app.shell.activateById(PANEL_ID);
    }
  });

  store.changed.connect(() => {
    for (const [id] of verbs) {
      commands.notifyCommandChanged(id);
    }
  });
}
