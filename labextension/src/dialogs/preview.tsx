import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices, IsOut } from '../changes';
import { outOf, reasons, total } from '../changes';
import { Disclosure } from '../disclosure';
import type { IChanges, ISecret } from '../environmentModels';
import { PackageTable, packageCount, packageRows } from '../packages';
import { sentence } from '../request';
import { formatSize } from '../text';
import { ChangeGroup } from './changeGroup';
import { Secrets } from './secrets';

/** Where what a commit would keep comes from. */
export interface IPreview {
  /** What the server says of it; null where it cannot say. */
  readonly load: () => Promise<IChanges | null>;
  /** What looks like a secret and was not decided when the server was asked to commit. */
  readonly secrets: readonly ISecret[];
}

/** Packages that are shown at once. */
const FEW = 6;

interface IChosenProps {
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly onChange: (choices: IChoices) => void;
}

/** What a commit would keep, to choose from; loaded when it is shown. */
export function Preview(
  props: IChosenProps & IPreview
): React.ReactElement | null {
  const { load, secrets, trans, choices, onChange } = props;
  const [changes, setChanges] = React.useState<IChanges | null>();
  const [problem, setProblem] = React.useState('');
  const section = React.useRef<HTMLElement>(null);
  const loading = changes === undefined && !problem;
  const isOut = React.useMemo(
    () => outOf(changes?.groups ?? [], choices),
    [changes, choices]
  );
  const found = reasons(secrets, changes?.secrets ?? []);

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

  if (changes === null && found.size === 0) {
    return null;
  }
  return (
    <section
      ref={section}
      className="wl-Preview"
      aria-label={trans.__('What would be kept')}
      aria-busy={loading}
    >
      {loading && (
        <p className="wl-Preview-total" role="status">
          {trans.__('Looking at what has changed…')}
        </p>
      )}
      {problem && (
        <p className="wl-Problem" role="status">
          {trans.__('What would be kept cannot be shown: %1', problem)}
        </p>
      )}
      {changes && <Total changes={changes} trans={trans} isOut={isOut} />}
      {found.size > 0 && (
        <Secrets
          secrets={found}
          trans={trans}
          choices={choices}
          isOut={isOut}
          onChange={onChange}
        />
      )}
      {changes && <Changes {...props} changes={changes} isOut={isOut} />}
    </section>
  );
}

/** How much is kept of how much, and what is not known of it. */
function Total(props: {
  readonly changes: IChanges;
  readonly trans: TranslationBundle;
  readonly isOut: IsOut;
}): React.ReactElement {
  const { changes, trans, isOut } = props;
  const { groups, notes, scanned, size } = changes;
  const entries = groups.reduce((sum, group) => sum + group.entries, 0);
  const left = total(changes, isOut);
  return (
    <>
      <p className="wl-Preview-total" role="status">
        {!scanned
          ? trans._n('Keeps %1 file', 'Keeps %1 files', entries)
          : left === size
            ? trans.__('Keeps %1', formatSize(size))
            : trans.__('Keeps %1 of %2', formatSize(left), formatSize(size))}
      </p>
      {notes.map(note => (
        <p key={note} className="wl-Preview-note">
          {note}
        </p>
      ))}
    </>
  );
}

function Changes(
  props: IChosenProps & { readonly changes: IChanges; readonly isOut: IsOut }
): React.ReactElement {
  const { changes, trans, choices, isOut, onChange } = props;
  const { groups, packages, scanned } = changes;
  const count = packages && packageCount(packages, trans);
  return (
    <>
      {groups
        // Of each secret it is asked above.
        .filter(({ kind }) => kind !== 'secrets')
        .map(group => (
          <ChangeGroup
            key={group.kind}
            group={group}
            sized={scanned}
            trans={trans}
            choices={choices}
            isOut={isOut}
            onChange={onChange}
          />
        ))}
      {packages && count && (
        <Disclosure
          label={trans.__('Packages: %1', count)}
          open={packageRows(packages) <= FEW}
        >
          <PackageTable difference={packages} trans={trans} />
        </Disclosure>
      )}
    </>
  );
}
