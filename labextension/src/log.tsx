import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import * as React from 'react';

import { sentence } from './request';
import { workspaceIcon } from './icons';
import type { IOperation } from './models';
import { titleOf } from './operationText';
import { OperationBar } from './sidebar/operation';
import type { IContext, Run } from './tokens';

/** Milliseconds between two looks at the log of an operation that goes on. */
const PAUSE = 500;

/** Show what an operation has written, in the main area; what is shown already comes to the front. */
export function showLog(
  shell: JupyterFrontEnd.IShell,
  context: IContext,
  run: Run,
  operation: IOperation
): void {
  const id = `workspace-launcher-log-${operation.id}`;
  for (const widget of shell.widgets('main')) {
    if (widget.id === id) {
      shell.activateById(id);
      return;
    }
  }
  const content = new OperationLog(context, run, operation);
  const widget = new MainAreaWidget({ content });
  widget.id = id;
  widget.title.label = titleOf(operation, context.trans);
  widget.title.icon = workspaceIcon;
  widget.title.closable = true;
  shell.add(widget, 'main', { mode: 'split-bottom', type: 'Log' });
  shell.activateById(id);
}

/** How an operation stands and what it has written, looked at again when an event tells of it. */
class OperationLog extends ReactWidget {
  constructor(
    private readonly _context: IContext,
    private readonly _run: Run,
    private _operation: IOperation
  ) {
    super();
    this.addClass('wl-LogPanel');
    this.node.tabIndex = -1;
    this._context.store.changed.connect(this._look);
    void this._read();
  }

  override dispose(): void {
    this._context.store.changed.disconnect(this._look);
    super.dispose();
  }

  protected override render(): React.ReactElement {
    return (
      <LogView
        context={this._context}
        run={this._run}
        operation={this._operation}
        text={this._text}
        problem={this._problem}
      />
    );
  }

  private readonly _look = (): void => {
    const known = this._context.store.operations.get(this._operation.id);
    if (known && known !== this._operation) {
      this._operation = known;
      this.update();
      void this._read();
    }
  };

  /** Read the log; what comes meanwhile is read once more, after a pause. */
  private async _read(): Promise<void> {
    if (this._reading) {
      this._stale = true;
      return;
    }
    this._reading = true;
    do {
      this._stale = false;
      try {
        this._text = await this._context.api.log(this._operation.id);
        this._problem = '';
      } catch (error) {
        this._problem = sentence(error);
      }
      if (this.isDisposed) {
        return;
      }
      this.update();
      await new Promise(resolve => window.setTimeout(resolve, PAUSE));
    } while (this._isStale());
    this._reading = false;
  }

  private _isStale(): boolean {
    return this._stale && !this.isDisposed;
  }

  private _text = '';
  private _problem = '';
  private _stale = false;
  private _reading = false;
}

interface ILogViewProps {
  readonly context: IContext;
  readonly run: Run;
  readonly operation: IOperation;
  readonly text: string;
  readonly problem: string;
}

function LogView(props: ILogViewProps): React.ReactElement {
  const { context, run, operation, text, problem } = props;
  const { trans } = context;
  const log = React.useRef<HTMLPreElement>(null);
  const atEnd = React.useRef(true);

  React.useEffect(() => {
    // Who has scrolled up reads.
    if (log.current && atEnd.current) {
      log.current.scrollTop = log.current.scrollHeight;
    }
  }, [text]);

  return (
    <>
      <h2>{titleOf(operation, trans)}</h2>
      {operation.state === 'running' ? (
        <OperationBar operation={operation} trans={trans} run={run} />
      ) : (
        <p className={`wl-Message wl-mod-${operation.state}`} role="status">
          {operation.error ?? operation.detail}
        </p>
      )}
      {problem && <p className="wl-Problem">{problem}</p>}
      <pre
        ref={log}
        className="wl-LogPanel-text"
        aria-label={trans.__('Log')}
        tabIndex={0}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 20;
        }}
      >
        {text}
      </pre>
    </>
  );
}
