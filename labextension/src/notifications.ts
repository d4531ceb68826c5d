import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { WorkspaceApi } from './api';
import { sentence } from './request';
import type { IOperation, IWorkspace, IWorkspaceKey } from './models';
import { keyOf } from './models';
import type { IWords } from './operationText';
import type { INext } from './progress';
import { LENGTH, LINGER, Progress, logAction, showOperation } from './progress';
import type { WorkspaceStore } from './store';
import type { LaunchTab } from './tab';
import { openTab } from './tab';
import { clip, firstLine, formatSeconds } from './text';
import type { Run } from './tokens';
import { CommandIDs } from './tokens';

const TICK = 250;

export interface IStartOptions {
  /** The workspace as it was before it was asked to start; what is not newer says nothing. */
  before?: IWorkspace;
  /** A tab that waits for it. */
  tab?: LaunchTab | null;
}

export interface IFollowOptions {
  /** What can be done when the operation is over. */
  next?: INext;
  /** Called with what it is when it has succeeded. */
  then?: (operation: IOperation) => void;
}

/** What the user is told of work that goes on, and of what went wrong. */
export class Notices {
  constructor(
    private readonly _api: WorkspaceApi,
    private readonly _store: WorkspaceStore,
    private readonly _trans: TranslationBundle,
    private readonly _run: Run
  ) {}

  problem(error: unknown, actions: Notification.IAction[] = []): void {
    const text = sentence(error);
    Notification.error(clip(firstLine(text), LENGTH), {
      autoClose: false,
      actions: [...logAction(this._trans, text), ...actions]
    });
  }

  success(text: string): void {
    Notification.success(clip(text, LENGTH), { autoClose: LINGER });
  }

  /** Tell how a start goes on until the workspace is ready or not. */
  followStart(
    progress: Progress,
    workspace: IWorkspaceKey,
    options: IStartOptions = {}
  ): void {
    const { before, tab } = options;
    const { name } = workspace;
    const key = keyOf(workspace);
    const trans = this._trans;
    const fail = (why: string): void => {
      tab?.close();
      const text = trans.__('%1 did not start: %2', name, why);
      progress.end('error', firstLine(text), logAction(this._trans, why));
    };
    let seen = false;
    this._watch(() => {
      const current = this._store.workspaces.get(key);
      if (!current && seen && this._store.connection === 'connected') {
        fail(trans.__('it was removed.'));
        return true;
      }
      if (!current || current === before) {
        progress.tick(trans.__('Starting %1… %2', name, progress.elapsed));
        return false;
      }
      seen = true;
      switch (current.state) {
        case 'running': {
          const address = this._api.address(current.url);
          tab?.go(address);
          progress.end(
            'success',
            trans.__('%1 is ready after %2', name, progress.elapsed),
            [
              {
                label: trans.__('Open'),
                displayType: 'accent',
                callback: () => {
                  openTab(address);
                }
              }
            ]
          );
          return true;
        }
        case 'failed':
          fail(current.message || trans.__('the server gives no reason.'));
          return true;
        case 'stopped':
          fail(trans.__('it was stopped.'));
          return true;
        default:
          progress.tick(this._startText(current, progress.elapsed));
          return false;
      }
    });
  }

  /** Tell how an operation goes on until it is over. */
  follow(
    operation: IOperation,
    words: IWords,
    options: IFollowOptions = {}
  ): void {
    const trans = this._trans;
    const details = this.detailsAction(operation);
    const progress = new Progress(words.doing, [
      details,
      {
        label: trans.__('Cancel'),
        callback: event => {
          // How it ends is told here.
          event.preventDefault();
          this._run(CommandIDs.cancel, { id: operation.id });
        }
      }
    ]);
    const next: INext = { failed: () => [details], ...options.next };
    let seen = false;
    this._watch(() => {
      const known = this._store.operations.get(operation.id);
      if (!known && seen && this._store.connection === 'connected') {
        progress.end('warning', words.forgotten);
        return true;
      }
      seen ||= known !== undefined;
      const current = known ?? operation;
      const over = showOperation(progress, trans, current, words, next);
      if (over && current.state === 'succeeded') {
        options.then?.(current);
      }
      return over;
    });
  }

  /** A button that launches from an image. */
  launchAction(reference: string): Notification.IAction {
    return {
      label: this._trans.__('Launch from it'),
      displayType: 'accent',
      callback: () => {
        this._run(CommandIDs.launch, { image: reference });
      }
    };
  }

  /** A button that shows how an operation goes in full. */
  detailsAction(operation: IOperation): Notification.IAction {
    return {
      label:
        operation.kind === 'build'
          ? this._trans.__('Show log')
          : this._trans.__('Details'),
      callback: event => {
        event.preventDefault();
        this._run(CommandIDs.log, { id: operation.id });
      }
    };
  }

  /** Look at each change of the store, and at each tick, until `look` says that it is over. */
  private _watch(look: () => boolean): void {
    const held = this._store.hold();
    const watch: IDisposable[] = [held];
    const check = (): void => {
      let over = true;
      try {
        over = look();
      } finally {
        if (over) {
          this._store.changed.disconnect(check);
          window.clearInterval(timer);
          watch.splice(0).forEach(item => {
            item.dispose();
          });
        }
      }
    };
    const timer = window.setInterval(check, TICK);
    this._store.changed.connect(check);
    check();
  }

  /** The step at work and as many of those before it as fit. */
  private _startText(workspace: IWorkspace, elapsed: string): string {
    const { name, message, steps = [] } = workspace;
    const head = this._trans.__('Starting %1… %2', name, elapsed);
    const foot = message && message !== steps.at(-1)?.name ? message : '';
    const lines = foot ? [foot] : [];
    let length = head.length + foot.length + 1;
    for (const step of [...steps].reverse()) {
      const line = `✓ ${step.name} ${formatSeconds(step.seconds)}`;
      length += line.length + 1;
      if (length > LENGTH) {
        break;
      }
      lines.unshift(line);
    }
    return [head, ...lines].join('\n');
  }
}
