import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices } from '../changes';
import { choose, isExcluded, remaining, total } from '../changes';
import { Disclosure } from '../disclosure';
import type { IChangeGroup, IChanges } from '../environmentModels';
import { PackageTable, packageCount } from '../packages';
import { sentence } from '../request';
import { formatSize } from '../text';
import type { LoadChanges } from './commit';
import { Secrets } from './secrets';

/** Paths of a group that are listed: who has more of them unticks the group. */
const LISTED = 200;

interface IChosenProps {
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly onChange: (choices: IChoices) => void;
}

/** What a commit would keep, to choose from; loaded when it is shown. */
export function Preview(
  props: IChosenProps & { readonly load: LoadChanges }
): React.ReactElement {
  const { load, trans, choices } = props;
  const [changes, setChanges] = React.useState<IChanges>();
  const [problem, setProblem] = React.useState('');
  const section = React.useRef<HTMLElement>(null);

  React.useEffect(() => {
    let current = true;
    load().then(
      found => {
        if (current) {
          setChanges(found);
        }
      },
      (error: unknown) => {
        if (current) {
          setProblem(sentence(error));
        }
      }
    );
    return () => {
      current = false;
    };
  }, [load]);

  React.useEffect(() => {
    // A dialog looks at such events whether it can be accepted: not while a secret is undecided.
    section.current?.dispatchEvent(new Event('input', { bubbles: true }));
  }, [changes, choices]);

  return (
    <section
      ref={section}
      className="wl-Preview"
      aria-label={trans.__('What would be kept')}
      aria-busy={!changes && !problem}
    >
      {!changes && !problem && (
        <p className="wl-Preview-total" role="status">
          {trans.__('Looking at what has changed…')}
        </p>
      )}
      {problem && (
        <p className="wl-Problem" role="status">
          {trans.__('What would be kept cannot be shown: %1', problem)}
        </p>
      )}
      {changes && <Changes {...props} changes={changes} />}
    </section>
  );
}

function Changes(
  props: IChosenProps & { readonly changes: IChanges }
): React.ReactElement {
  const { changes, trans, choices, onChange } = props;
  const { groups, packages, secrets, size } = changes;
  const left = total(changes, choices);
  const count = packageCount(packages, trans);
  return (
    <>
      <p className="wl-Preview-total" role="status">
        {left === size
          ? trans.__('Keeps %1', formatSize(size))
          : trans.__('Keeps %1 of %2', formatSize(left), formatSize(size))}
      </p>
      {secrets.length > 0 && (
        <Secrets
          secrets={secrets}
          trans={trans}
          choices={choices}
          onChange={onChange}
        />
      )}
      {groups.map(group => (
        <Group
          key={group.kind}
          group={group}
          trans={trans}
          choices={choices}
          onChange={onChange}
        />
      ))}
      {count && (
        <Disclosure label={trans.__('Packages: %1', count)}>
          <PackageTable difference={packages} trans={trans} />
        </Disclosure>
      )}
    </>
  );
}

function Group(
  props: IChosenProps & { readonly group: IChangeGroup }
): React.ReactElement {
  const { group, trans, choices, onChange } = props;
  const { entries, kind, paths, size } = group;
  const out = paths.filter(({ path }) => isExcluded(path, choices.excluded));
  const label = kindWords(kind, trans);
  const left = remaining(group, choices);
  const whole = paths.length > 0 && out.length === paths.length;
  return (
    <div className="wl-Group" role="group" aria-label={label}>
      <Tick
        label={label}
        ticked={!whole}
        partly={out.length > 0 && !whole}
        disabled={paths.length === 0}
        onChange={keep => {
          onChange(
            choose(
              choices,
              paths.map(({ path }) => path),
              keep
            )
          );
        }}
      >
        <span className="wl-Group-size">
          {left === size || whole
            ? formatSize(size)
            : trans.__('%1 of %2', formatSize(left), formatSize(size))}
        </span>
      </Tick>
      {paths.length > 0 && (
        <Disclosure
          label={trans._n('%1 file', '%1 files', entries || paths.length)}
        >
          <ul className="wl-List wl-Group-paths">
            {paths.slice(0, LISTED).map(({ path, size: own }) => (
              <li key={path}>
                <Tick
                  label={path}
                  ticked={!isExcluded(path, choices.excluded)}
                  onChange={keep => {
                    onChange(choose(choices, [path], keep));
                  }}
                >
                  {own > 0 && (
                    <span className="wl-Group-size">{formatSize(own)}</span>
                  )}
                </Tick>
              </li>
            ))}
            {paths.length > LISTED && (
              <li className="wl-Field-hint">
                {trans.__('and %1 more', paths.length - LISTED)}
              </li>
            )}
          </ul>
        </Disclosure>
      )}
    </div>
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
    case 'cache':
    case 'caches':
      return trans.__('Caches');
    case 'home':
      return trans.__('Home directory');
    case 'data':
      return trans.__('Data files');
    case 'secrets':
      return trans.__('Suspected secrets');
    case 'other':
      return trans.__('Other files');
    default:
      return kind;
  }
}
