import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { showText } from './dialogs/text';
import type { IOperation } from './models';
import type { IWords } from './operationText';
import { amount } from './operationText';
import { clip, firstLine, formatSeconds } from './text';

/** How long a success stays in view; it stays in the notification centre. */
export const LINGER = 10_000;

/** So long a toast may take to come; until it is there, JupyterLab loses what is said of it. */
const APPEARS = 2000;

const SOON = 50;

/** Milliseconds that nobody needs to be told of. */
const MOMENT = 700;

/** JupyterLab cuts a notification's message here. */
export const LENGTH = 140;

/** A notification about work that goes on. */
export class Progress {
  constructor(message: string, actions: Notification.IAction[] = []) {
    this._id = Notification.emit(message, 'in-progress', {
      autoClose: false,
      actions
    });
  }

  /** When the work began, by the browser's steady clock. */
  readonly since = performance.now();

  get elapsed(): string {
    return formatSeconds((performance.now() - this.since) / 1000);
  }

  tick(message: string, progress?: number): void {
    if (this._isComing()) {
      return;
    }
    // A toast that was put out of sight stays there; the notification centre has the news all the same.
    const visible = this._isVisible();
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
    if (this._isComing()) {
      window.setTimeout(() => {
        this.end(type, message, actions);
      }, SOON);
      return;
    }
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
    if (this._isComing()) {
      window.setTimeout(() => {
        this.dismiss();
      }, SOON);
      return;
    }
    Notification.dismiss(this._id);
  }

  private _isComing(): boolean {
    return !this._isVisible() && performance.now() - this.since < APPEARS;
  }

  private _isVisible(): boolean {
    return document.getElementById(this._id) !== null;
  }

  private readonly _id: string;
}

/** Tell that work goes on, where it takes longer than a moment, until it is over. */
export async function whileTelling<T>(
  doing: string,
  work: Promise<T>,
  actions: Notification.IAction[] = []
): Promise<T> {
  let progress: Progress | undefined;
  const timer = window.setInterval(() => {
    progress ??= new Progress(doing, actions);
    progress.tick(`${doing} ${progress.elapsed}`);
  }, MOMENT);
  try {
    return await work;
  } finally {
    window.clearInterval(timer);
    progress?.dismiss();
  }
}

/** What can be done when work is over. */
export interface INext {
  readonly done?: (reference: string) => Notification.IAction[];
  readonly failed?: (why: string) => Notification.IAction[];
}

/** Show how an operation stands; true when it is over. */
export function showOperation(
  progress: Progress,
  trans: TranslationBundle,
  operation: IOperation,
  words: IWords,
  next: INext = {}
): boolean {
  switch (operation.state) {
    case 'succeeded': {
      const reference = referenceOf(operation.result);
      const actions = reference ? (next.done?.(reference) ?? []) : [];
      progress.end('success', words.done(reference), actions);
      return true;
    }
    case 'failed': {
      const why = operation.error ?? trans.__('the server gives no reason.');
      const actions = next.failed?.(why) ?? logAction(trans, why);
      progress.end('error', firstLine(words.failed(why)), actions);
      return true;
    }
    case 'cancelled':
      progress.end('info', words.cancelled);
      return true;
    default: {
      const lines = [
        `${words.doing} ${progress.elapsed}`,
        amount(operation, trans),
        operation.detail
      ];
      progress.tick(
        lines.filter(Boolean).join('\n'),
        operation.progress ?? undefined
      );
      return false;
    }
  }
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
        void showText(trans, trans.__('Log'), text);
      }
    }
  ];
}

function referenceOf(result: unknown): string {
  const reference =
    typeof result === 'object' && result !== null && 'reference' in result
      ? result.reference
      : result;
  return typeof reference === 'string' ? reference : '';
}
