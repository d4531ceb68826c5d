import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import * as React from 'react';

import type { WorkspaceApi } from './api';
import { sentence } from './api';
import type { IOperation, IWorkspace, IWorkspaceKey } from './models';
import { keyOf } from './models';
import type { WorkspaceStore } from './store';
import type { LaunchTab } from './tab';
import { openTab } from './tab';
import { clip, formatSeconds } from './text';

const TICK = 250;

/** How long a success stays in view; it stays in the notification centre. */
const LINGER = 10_000;

/** JupyterLab cuts a notification's message here. */
const LENGTH = 140;

/** A notification about work that goes on. */
export class Progress {
  constructor(message: string) {
    this._id = Notification.emit(message, 'in-progress', { autoClose: false });
  }

  /** When the work began, by the browser's steady clock. */
  readonly since = performance.now();

  get elapsed(): string {
    return formatSeconds((performance.now() - this.since) / 1000);
  }

  tick(message: string, progress?: number): void {
    // A toast that was put out of sight stays there; the notification centre has the news all the same.
    const visible = document.getElementById(this._id) !== null;
    Notification.update({
      id: this._id,
      message: clip(message, LENGTH),
      type: 'in-progress',
      autoClose: visible ? false : 0,
      progress
    });
  }

  end(
    type: 'success' | 'error' | 'info' | 'warning',
    message: string,
    actions: Notification.IAction[] = []
  ): void {
    const options = {
      autoClose: type === 'error' || type === 'warning' ? false : LINGER,
      actions
    } as const;
    const update = {
      id: this._id,
      message: clip(message, LENGTH),
      type,
      ...options
    };
    if (!Notification.update(update)) {
      // It was dismissed meanwhile: how it ended is news again.
      Notification.emit(update.message, type, options);
    }
  }

  dismiss(): void {
    Notification.dismiss(this._id);
  }

  private readonly _id: string;
}

export interface IStartOptions {
  /** The workspace as it was before it was asked to start; what is not newer says nothing. */
  before?: IWorkspace;
  /** A tab that waits for it. */
  tab?: LaunchTab | null;
}

/** What the user is told of work that goes on, and of what went wrong. */
export class Notices {
  constructor(
    private readonly _api: WorkspaceApi,
    private readonly _store: WorkspaceStore,
    private readonly _trans: TranslationBundle,
    private readonly _launchFrom: (reference: string) => void
  ) {}

  problem(error: unknown): void {
    const text = sentence(error);
    Notification.error(clip(firstLine(text), LENGTH), {
      autoClose: false,
      actions: this._logAction(text)
    });
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
      progress.end('error', firstLine(text), this._logAction(why));
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

  /** Tell how a commit goes on until it is over. */
  followCommit(progress: Progress, operation: IOperation, name: string): void {
    const trans = this._trans;
    let seen = false;
    this._watch(() => {
      const known = this._store.operations.get(operation.id);
      if (!known && seen && this._store.connection === 'connected') {
        progress.end(
          'warning',
          trans.__(
            'The server no longer knows how the commit of %1 went.',
            name
          )
        );
        return true;
      }
      seen ||= known !== undefined;
      const current = known ?? operation;
      switch (current.state) {
        case 'succeeded': {
          const reference = referenceOf(current.result);
          const actions: Notification.IAction[] = [];
          if (reference) {
            actions.push({
              label: trans.__('Launch from it'),
              displayType: 'accent',
              callback: () => {
                this._launchFrom(reference);
              }
            });
          }
          progress.end(
            'success',
            trans.__('Committed as %1', reference || name),
            actions
          );
          return true;
        }
        case 'failed': {
          const why = current.error ?? trans.__('the server gives no reason.');
          const text = trans.__('%1 was not committed: %2', name, why);
          progress.end('error', firstLine(text), this._logAction(why));
          return true;
        }
        case 'cancelled':
          progress.end(
            'info',
            trans.__('The commit of %1 was cancelled.', name)
          );
          return true;
        default: {
          const text = trans.__('Committing %1… %2', name, progress.elapsed);
          progress.tick(
            current.detail ? `${text}\n${current.detail}` : text,
            current.progress ?? undefined
          );
          return false;
        }
      }
    });
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

  /** A button that shows a text in full, where it is too long for a notification. */
  private _logAction(text: string): Notification.IAction[] {
    if (!text.includes('\n') && text.length < LENGTH) {
      return [];
    }
    return [
      {
        label: this._trans.__('Show log'),
        callback: event => {
          // The notification stays, so that the log can be shown again.
          event.preventDefault();
          void showDialog({
            title: this._trans.__('Log'),
            body: React.createElement('pre', { className: 'wl-Log' }, text),
            buttons: [Dialog.okButton({ label: this._trans.__('Close') })]
          });
        }
      }
    ];
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function referenceOf(result: unknown): string {
  const reference =
    typeof result === 'object' && result !== null && 'reference' in result
      ? result.reference
      : result;
  return typeof reference === 'string' ? reference : '';
}
