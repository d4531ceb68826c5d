import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IOperation } from './models';
import { clip, firstLine, formatSeconds } from './text';

/** How long a success stays in view; it stays in the notification centre. */
const LINGER = 10_000;

/** JupyterLab cuts a notification's message here. */
export const LENGTH = 140;

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

/** Show how a commit stands; true when it is over. */
export function showCommit(
  progress: Progress,
  trans: TranslationBundle,
  operation: IOperation,
  next: (reference: string) => Notification.IAction[] = () => []
): boolean {
  const name = nameOf(operation);
  switch (operation.state) {
    case 'succeeded': {
      const reference = referenceOf(operation.result);
      progress.end(
        'success',
        trans.__('Committed as %1', reference || name),
        reference ? next(reference) : []
      );
      return true;
    }
    case 'failed': {
      const why = operation.error ?? trans.__('the server gives no reason.');
      const text = trans.__('%1 was not committed: %2', name, why);
      progress.end('error', firstLine(text), logAction(trans, why));
      return true;
    }
    case 'cancelled':
      progress.end('info', trans.__('The commit of %1 was cancelled.', name));
      return true;
    default: {
      const { detail } = operation;
      const text = trans.__('Committing %1… %2', name, progress.elapsed);
      progress.tick(
        detail ? `${text}\n${detail}` : text,
        operation.progress ?? undefined
      );
      return false;
    }
  }
}

/** What to say of a commit that was under way and of which the server knows nothing now. */
export function commitForgotten(
  trans: TranslationBundle,
  operation: IOperation
): string {
  return trans.__(
    'The server no longer knows how the commit of %1 went.',
    nameOf(operation)
  );
}

/** A button that shows a text in full, where it is too long for a notification. */
export function logAction(
  trans: TranslationBundle,
  text: string
): Notification.IAction[] {
  if (!text.includes('\n') && text.length < LENGTH) {
    return [];
  }
  return [
    {
      label: trans.__('Show log'),
      callback: event => {
        // The notification stays, so that the log can be shown again.
        event.preventDefault();
        void showDialog({
          title: trans.__('Log'),
          body: React.createElement('pre', { className: 'wl-Log' }, text),
          buttons: [Dialog.okButton({ label: trans.__('Close') })]
        });
      }
    }
  ];
}

/** The name of the workspace that an operation works on. */
function nameOf(operation: IOperation): string {
  return operation.target.slice(operation.target.indexOf('/') + 1);
}

function referenceOf(result: unknown): string {
  const reference =
    typeof result === 'object' && result !== null && 'reference' in result
      ? result.reference
      : result;
  return typeof reference === 'string' ? reference : '';
}
