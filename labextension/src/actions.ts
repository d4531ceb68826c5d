import { UUID } from '@lumino/coreutils';

import { ApiError, sentence } from './api';
import { askAndCommit } from './commit';
import type { ILaunchValues } from './dialogs';
import { askLaunch, confirmRemoval, launchRequest } from './dialogs';
import type { IWorkspace } from './models';
import { Progress } from './progress';
import { LaunchTab, openTab } from './tab';
import type { IContext } from './tokens';

let asking = false;

/** Ask what to launch, until the server takes it or the user gives up, and launch it. */
export async function launch(context: IContext, image?: string): Promise<void> {
  if (asking) {
    return;
  }
  asking = true;
  try {
    await askAndLaunch(context, image ? { image } : {});
  } finally {
    asking = false;
  }
}

async function askAndLaunch(
  context: IContext,
  initial: ILaunchValues
): Promise<void> {
  const { api, notices, trans } = context;
  let values = initial;
  let problem = '';
  let sent = '';
  let key = '';
  for (;;) {
    const entered = await askLaunch(api, trans, values, problem);
    if (!entered) {
      return;
    }
    const request = launchRequest(entered);
    // The same request after a lost answer is the same workspace.
    if (JSON.stringify(request) !== sent) {
      sent = JSON.stringify(request);
      key = UUID.uuid4();
    }
    const title = trans.__(
      'Starting %1…',
      request.name ?? trans.__('workspace')
    );
    const tab = context.openAfterLaunch() ? LaunchTab.open(title) : null;
    const progress = new Progress(title);
    let workspace: IWorkspace;
    try {
      workspace = await api.launch(request, key);
    } catch (error) {
      tab?.close();
      progress.dismiss();
      values = entered;
      problem = sentence(error);
      if (error instanceof ApiError && error.status > 0) {
        sent = '';
      }
      continue;
    }
    tab?.say(trans.__('Starting %1…', workspace.name));
    notices.followStart(progress, workspace, { tab });
    return;
  }
}

export function open(context: IContext, workspace: IWorkspace): void {
  openTab(context.api.address(workspace.url));
}

export async function start(
  context: IContext,
  workspace: IWorkspace
): Promise<void> {
  const { api, notices, trans } = context;
  const progress = new Progress(trans.__('Starting %1…', workspace.name));
  try {
    const verb = workspace.state === 'paused' ? 'unpause' : 'start';
    await api.act(workspace, verb);
    notices.followStart(progress, workspace, { before: workspace });
  } catch (error) {
    progress.dismiss();
    notices.problem(error);
  }
}

export async function stop(
  context: IContext,
  workspace: IWorkspace
): Promise<void> {
  try {
    await context.api.act(workspace, 'stop');
  } catch (error) {
    context.notices.problem(error);
  }
}

export async function commit(
  context: IContext,
  workspace: IWorkspace
): Promise<void> {
  const { api, notices, trans } = context;
  const title = trans.__('Commit %1', workspace.name);
  const operation = await askAndCommit(trans, title, request =>
    api.commit(workspace, request)
  );
  if (operation) {
    const progress = new Progress(trans.__('Committing %1…', workspace.name));
    notices.followCommit(progress, operation);
  }
}

export async function remove(
  context: IContext,
  workspace: IWorkspace
): Promise<void> {
  if (!(await confirmRemoval(context.trans, workspace))) {
    return;
  }
  try {
    await context.api.remove(workspace);
  } catch (error) {
    context.notices.problem(error);
  }
}

export async function cancel(
  context: IContext,
  operation: string
): Promise<void> {
  try {
    await context.api.cancel(operation);
  } catch (error) {
    context.notices.problem(error);
  }
}

type Verb = 'open' | 'start' | 'stop' | 'commit' | 'remove';

/** Whether it makes sense to do this to the workspace now. */
export function allows(workspace: IWorkspace, verb: Verb): boolean {
  const { state } = workspace;
  switch (verb) {
    case 'open':
    case 'commit':
      return state === 'running';
    case 'stop':
      return state === 'running' || state === 'paused';
    case 'start':
      return state === 'stopped' || state === 'failed' || state === 'paused';
    case 'remove':
      return true;
  }
}
