import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Problem } from './dialogs/fields';
import { workspaceIcon } from './icons';
import type { ISnapshotDiff } from './environmentModels';
import type { ISnapshot } from './models';
import { PackageTable, packageCount } from './packages';
import { sentence } from './request';
import { formatSize } from './text';
import type { IContext } from './tokens';

/** What the server calls the image that the first of a line was launched from. */
const BASE = 'base';

/** Show in the main area what a snapshot has that another has not; what is shown already comes to the front. */
export function showComparison(
  shell: JupyterFrontEnd.IShell,
  context: IContext,
  snapshot: ISnapshot
): void {
  const id = `workspace-launcher-compare-${snapshot.id}`;
  for (const widget of shell.widgets('main')) {
    if (widget.id === id) {
      shell.activateById(id);
      return;
    }
  }
  const widget = new MainAreaWidget({
    content: new Comparison(context, snapshot)
  });
  widget.id = id;
  widget.title.label = context.trans.__('Compare %1', snapshot.reference);
  widget.title.icon = workspaceIcon;
  widget.title.closable = true;
  shell.add(widget, 'main', { type: 'Comparison' });
  shell.activateById(id);
}

class Comparison extends ReactWidget {
  constructor(
    private readonly _context: IContext,
    private readonly _snapshot: ISnapshot
  ) {
    super();
    this.addClass('wl-Compare');
    this.node.tabIndex = -1;
  }

  protected override render(): React.ReactElement {
    return (
      <UseSignal signal={this._context.store.changed}>
        {() => (
          <ComparisonView context={this._context} snapshot={this._snapshot} />
        )}
      </UseSignal>
    );
  }
}

interface IComparisonViewProps {
  readonly context: IContext;
  readonly snapshot: ISnapshot;
}

function ComparisonView(props: IComparisonViewProps): React.ReactElement {
  const { context, snapshot } = props;
  const { store, trans } = context;
  const id = React.useId();
  const others = [...store.snapshots.values()].filter(
    other => other.id !== snapshot.id
  );
  const parent = others.find(other => other.id === snapshot.parent_id);
  const [picked, setPicked] = React.useState<string>();
  const against =
    picked === BASE
      ? BASE
      : ((others.find(other => other.id === picked) ?? parent)?.id ?? BASE);
  const { diff, problem } = useDiff(context, snapshot, against);

  return (
    <>
      <h2>{trans.__('What is in %1', snapshot.reference)}</h2>
      <div className="wl-Field">
        <label htmlFor={id}>{trans.__('Compared with')}</label>
        <div className="wl-Field-control">
          <HTMLSelect
            id={id}
            value={against}
            onChange={event => {
              setPicked(event.target.value);
            }}
          >
            {parent && (
              <option value={parent.id}>
                {trans.__('%1 (its parent)', parent.reference)}
              </option>
            )}
            <option value={BASE}>
              {trans.__('the image that the first of its line is from')}
            </option>
            {others
              .filter(other => other !== parent)
              .map(other => (
                <option key={other.id} value={other.id}>
                  {other.reference}
                </option>
              ))}
          </HTMLSelect>
        </div>
      </div>
      <Problem text={problem} />
      {!problem && (
        <p role="status">
          {diff ? summary(diff, context) : trans.__('Comparing…')}
        </p>
      )}
      {diff && <PackageTable difference={diff.packages} trans={trans} />}
    </>
  );
}

function summary(diff: ISnapshotDiff, context: IContext): string {
  const { trans } = context;
  const size = formatSize(Math.abs(diff.size));
  return [
    diff.size === 0
      ? trans.__('The same size')
      : diff.size > 0
        ? trans.__('%1 more', size)
        : trans.__('%1 less', size),
    packageCount(diff.packages, trans) || trans.__('the same packages')
  ].join(' · ');
}

/** What differs, asked for when another is picked. */
function useDiff(
  context: IContext,
  snapshot: ISnapshot,
  against: string
): { diff: ISnapshotDiff | null; problem: string } {
  const { api } = context;
  const [answer, setAnswer] = React.useState<{
    readonly against: string;
    readonly diff: ISnapshotDiff | null;
    readonly problem: string;
  }>();
  React.useEffect(() => {
    let current = true;
    api.snapshots.diff(snapshot, against).then(
      diff => {
        if (current) {
          setAnswer({ against, diff, problem: '' });
        }
      },
      (error: unknown) => {
        if (current) {
          setAnswer({ against, diff: null, problem: sentence(error) });
        }
      }
    );
    return () => {
      current = false;
    };
  }, [api, snapshot, against]);
  // An answer about another pick says nothing.
  return answer?.against === against ? answer : { diff: null, problem: '' };
}
