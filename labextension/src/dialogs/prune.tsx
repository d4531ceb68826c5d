import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import type { IUnused, UnusedKind } from '../models';
import { UNUSED_KINDS } from '../models';
import { formatSize, nameOfUnused } from '../text';
import { Problem } from './fields';
import { Form } from './form';

interface IPruneValues {
  readonly kinds: readonly UnusedKind[];
}

/** Show what nothing uses, and ask which kinds of it to remove; null where the user thinks better of it. */
export async function askPrune(
  api: WorkspaceApi,
  trans: TranslationBundle
): Promise<readonly UnusedKind[] | null> {
  // What holds work of the user's must be chosen.
  const initial: IPruneValues = { kinds: ['networks', 'images', 'snapshots'] };
  const result = await showDialog<IPruneValues>({
    title: trans.__('Clean Up'),
    body: new Form(initial, (values, change) => (
      <Unused
        api={api}
        trans={trans}
        kinds={values.kinds}
        onChange={kinds => {
          change({ kinds });
        }}
      />
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Remove') })
    ],
    defaultButton: 0
  });
  return result.button.accept && result.value ? result.value.kinds : null;
}

interface IUnusedProps {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
  readonly kinds: readonly UnusedKind[];
  readonly onChange: (kinds: readonly UnusedKind[]) => void;
}

function Unused(props: IUnusedProps): React.ReactElement {
  const { api, trans, kinds, onChange } = props;
  const [unused, setUnused] = React.useState<readonly IUnused[]>();
  const [going, setGoing] = React.useState<readonly IUnused[]>();
  const [problem, setProblem] = React.useState('');

  const tell = (error: unknown): void => {
    setProblem(sentence(error));
  };
  React.useEffect(() => {
    api.prune(UNUSED_KINDS, true).then(setUnused, tell);
  }, [api]);
  React.useEffect(() => {
    let current = true;
    if (kinds.length > 0) {
      api.prune(kinds, true).then(found => {
        if (current) {
          setGoing(found);
        }
      }, tell);
    }
    return () => {
      current = false;
    };
  }, [api, kinds]);

  return (
    <>
      <Problem text={problem} />
      <p className="wl-Form-lead">
        {trans.__(
          'What is yours and nothing uses. Snapshots that have a name stay, and notebooks.'
        )}
      </p>
      {UNUSED_KINDS.map(kind => (
        <Kind
          key={kind}
          kind={kind}
          trans={trans}
          unused={unused?.filter(one => one.kind === singular(kind))}
          going={going}
          chosen={kinds.includes(kind)}
          onChange={chosen => {
            const others = kinds.filter(other => other !== kind);
            onChange(chosen ? [...others, kind] : others);
          }}
        />
      ))}
    </>
  );
}

interface IKindProps {
  readonly kind: UnusedKind;
  readonly trans: TranslationBundle;
  readonly unused: readonly IUnused[] | undefined;
  /** What goes with the kinds that are chosen. */
  readonly going: readonly IUnused[] | undefined;
  readonly chosen: boolean;
  readonly onChange: (chosen: boolean) => void;
}

/** What nothing uses of one kind. */
function Kind(props: IKindProps): React.ReactElement {
  const { kind, trans, unused, going, chosen, onChange } = props;
  const [label, warning] = words(kind, trans);
  const none = unused?.length === 0;
  return (
    <fieldset className="wl-Kind" aria-label={label}>
      <label className="wl-Check">
        <input
          type="checkbox"
          checked={chosen && !none}
          disabled={none}
          onChange={event => {
            onChange(event.target.checked);
          }}
        />
        {label}
        <span className="wl-Field-hint">
          {unused ? (none ? trans.__('none') : unused.length) : '…'}
        </span>
      </label>
      {chosen && !none && warning && <p className="wl-Warning">{warning}</p>}
      {unused && !none && (
        <ul className="wl-Kind-list">
          {unused.map(one => (
            <li key={one.name}>
              {nameOfUnused(one)}
              {one.size ? ` · ${formatSize(one.size)}` : ''}
              {chosen && going?.some(other => isSame(one, other)) === false && (
                <span className="wl-Field-hint">
                  {' '}
                  {trans.__('stays: a stopped workspace has it')}
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}

function isSame(one: IUnused, other: IUnused): boolean {
  return one.kind === other.kind && one.name === other.name;
}

function singular(kind: UnusedKind): string {
  return kind.slice(0, -1);
}

/** What the kind is called, and what goes with it. */
function words(kind: UnusedKind, trans: TranslationBundle): [string, string] {
  switch (kind) {
    case 'workspaces':
      return [
        trans.__('Stopped workspaces'),
        trans.__('Changes in them that were not committed are lost.')
      ];
    case 'volumes':
      return [trans.__('Volumes'), trans.__('What is in them is lost.')];
    case 'networks':
      return [trans.__('Networks'), ''];
    case 'images':
      return [trans.__('Images that you pulled or tagged'), ''];
    case 'snapshots':
      return [trans.__('Snapshots that have lost their name'), ''];
  }
}
