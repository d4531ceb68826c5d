import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices, IsOut } from '../changes';
import { choose, chooseGroup, remaining } from '../changes';
import { Disclosure } from '../disclosure';
import type { IChangedItem, IChangeGroup } from '../environmentModels';
import { formatSize } from '../text';

export interface IChangeGroupProps {
  readonly group: IChangeGroup;
  /** Whether sizes are known. */
  readonly sized: boolean;
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly isOut: IsOut;
  readonly onChange: (choices: IChoices) => void;
}

/** Changes of one kind: all of them can be left out, or some. */
export function ChangeGroup(props: IChangeGroupProps): React.ReactElement {
  const { group, sized, trans, choices, isOut, onChange } = props;
  const { entries, items, paths, size } = group;
  const label = kindWords(group.kind, trans);
  const left = remaining(group, isOut);
  const out = paths.every(isOut);
  const amounts = [
    trans._n('%1 file', '%1 files', entries),
    !sized
      ? ''
      : left === size || out
        ? formatSize(size)
        : trans.__('%1 of %2', formatSize(left), formatSize(size))
  ];
  const some = paths.some(isOut);
  return (
    <div className="wl-Group" role="group" aria-label={label}>
      <Tick
        label={label}
        ticked={!out}
        partly={some && !out}
        onChange={keep => {
          onChange(chooseGroup(choices, group, keep));
        }}
      />
      <Disclosure label={amounts.filter(Boolean).join(' · ')}>
        <ul className="wl-List wl-Group-items">
          {items.map(item => (
            <Item
              key={item.path}
              item={item}
              sized={sized}
              trans={trans}
              choices={choices}
              isOut={isOut}
              onChange={onChange}
            />
          ))}
          {paths.length > items.length && (
            <li className="wl-Field-hint">
              {trans.__('and %1 more', paths.length - items.length)}
            </li>
          )}
        </ul>
      </Disclosure>
    </div>
  );
}

function Item(
  props: Omit<IChangeGroupProps, 'group'> & { readonly item: IChangedItem }
): React.ReactElement {
  const { item, sized, trans, choices, isOut, onChange } = props;
  const { entries, path, size } = item;
  const out = isOut(path);
  return (
    <li>
      <Tick
        label={path}
        ticked={!out}
        // Left out with its kind, or with a directory that it lies in.
        disabled={out && !choices.paths.includes(path)}
        onChange={keep => {
          onChange(choose(choices, [path], keep));
        }}
      >
        <span className="wl-Amount">
          {[
            entries > 1 ? trans.__('%1 files', entries) : '',
            sized ? formatSize(size) : ''
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </Tick>
    </li>
  );
}

interface ITickProps {
  readonly label: string;
  readonly ticked: boolean;
  /** Whether some of what it stands for is ticked, and some not. */
  readonly partly?: boolean;
  readonly disabled?: boolean;
  readonly onChange: (ticked: boolean) => void;
  readonly children?: React.ReactNode;
}

function Tick(props: ITickProps): React.ReactElement {
  const { label, ticked, partly = false, disabled, onChange } = props;
  const box = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (box.current) {
      box.current.indeterminate = partly;
    }
  }, [partly]);
  return (
    <label className="wl-Check wl-Tick">
      <input
        ref={box}
        type="checkbox"
        aria-label={label}
        checked={ticked}
        disabled={disabled}
        onChange={event => {
          onChange(event.target.checked);
        }}
      />
      <span className="wl-Tick-label">{label}</span>
      {props.children}
    </label>
  );
}

function kindWords(kind: string, trans: TranslationBundle): string {
  switch (kind) {
    case 'pip':
      return trans.__('Python packages (pip)');
    case 'conda':
      return trans.__('Conda packages');
    case 'apt':
      return trans.__('System packages (apt)');
    case 'caches':
      return trans.__('Caches');
    case 'home':
      return trans.__('Home directory');
    case 'data':
      return trans.__('Data files');
    case 'other':
      return trans.__('Other files');
    default:
      return kind;
  }
}
