import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { CommandToolbarButton, ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';

import { EnvironmentApi } from './api';
import { ApiError, sentence } from './request';
import { askAndCommit } from './commit';
import { workspaceIcon } from './icons';
import type { IOperation } from './models';
import { commitWords } from './operationText';
import { Progress, showOperation } from './progress';
import { CommandIDs, ENVIRONMENT_PLUGIN_ID } from './tokens';

/** Between two questions how a commit goes: a workspace has no event stream of the launcher's. */
const POLL = 1000;

/** Commits the workspace that this JupyterLab runs in. */
const environment: JupyterFrontEndPlugin<void> = {
  id: ENVIRONMENT_PLUGIN_ID,
  description: 'Commits the workspace that this JupyterLab runs in.',
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const { commands, shell } = app;
    const trans = (translator ?? nullTranslator).load('workspace_launcher');
    const api = new EnvironmentApi(app.serviceManager.serverSettings);
    const id = CommandIDs.commitEnvironment;
    let asking = false;

    commands.addCommand(id, {
      label: trans.__('Commit environment'),
      caption: trans.__(
        'Keep this environment as an image from which workspaces can be launched'
      ),
      icon: workspaceIcon,
      execute: async () => {
        if (asking) {
          return;
        }
        asking = true;
        const title = trans.__('Commit environment');
        const operation = await askAndCommit(trans, title, {
          changes: () => api.changes(),
          commit: request => api.commit(request)
        }).finally(() => {
          asking = false;
        });
        if (operation) {
          void follow(api, trans, operation);
        }
      }
    });
    palette?.addItem({ command: id, category: trans.__('Workspaces') });

    const button = new CommandToolbarButton({ commands, id });
    button.id = 'workspace-launcher-commit';
    button.addClass('wl-TopButton');
    shell.add(button, 'top', { rank: 950 });
  }
};

/** Tell how a commit goes until it is over. */
async function follow(
  api: EnvironmentApi,
  trans: TranslationBundle,
  operation: IOperation
): Promise<void> {
  const progress = new Progress(trans.__('Committing…'));
  const words = commitWords(trans, operation);
  let current = operation;
  while (!showOperation(progress, trans, current, words)) {
    await new Promise(resolve => window.setTimeout(resolve, POLL));
    try {
      current = await api.operation(operation.id);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : -1;
      // A server that does not answer right now may do so again.
      if (status !== 0 && status < 500) {
        const text = status === 404 ? words.forgotten : sentence(error);
        progress.end('warning', text);
        return;
      }
    }
  }
}

export default environment;
