import { askAndCommit } from './commit';
import { confirmRemoval } from './dialogs/confirm';
import type { IWorkspace } from './models';
import { commitWords } from './operationText';
import { Progress } from './progress';
import { openTab } from './tab';
import type { IContext } from './tokens';

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
  const operation = await askAndCommit(trans, title, {
    changes: () => api.changes(workspace),
    commit: request => api.commit(workspace, request)
  });
  if (operation) {
    notices.follow(operation, commitWords(trans, operation), {
      next: { done: reference => [notices.launchAction(reference)] }
    });
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
