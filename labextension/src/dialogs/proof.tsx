import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type {
  IPaths,
  IReproduction,
  IVerification
} from '../environmentModels';
import { PackageTable, packageCount } from '../packages';
import { Problem } from './fields';

/** Tell what came of making a snapshot again. */
export async function showReproduction(
  trans: TranslationBundle,
  reference: string,
  found: IReproduction
): Promise<void> {
  const { error, files, packages, reproducible } = found;
  const kinds = [
    [trans.__('Missing files'), files.missing],
    [trans.__('Files that were not there'), files.extra],
    [trans.__('Files that differ'), files.different]
  ] as const;
  await showDialog({
    title: trans.__('Rebuild of %1', reference),
    body: (
      <div className="wl-Proof">
        {reproducible && (
          <p className="wl-Proof-good">
            {trans.__(
              'Reproducible: its recipe makes the same packages and files.'
            )}
          </p>
        )}
        {!reproducible && !error && (
          <p className="wl-Problem">
            {trans.__('Not reproducible: what its recipe makes differs.')}
          </p>
        )}
        {error && <Problem text={error} />}
        {!reproducible && <p>{packageCount(packages, trans)}</p>}
        <PackageTable difference={packages} trans={trans} />
        {kinds.map(([title, paths]) => (
          <Paths key={title} title={title} paths={paths} trans={trans} />
        ))}
      </div>
    ),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

function Paths(props: {
  readonly title: string;
  readonly paths: IPaths;
  readonly trans: TranslationBundle;
}): React.ReactElement | null {
  const { title, paths, trans } = props;
  const { count, paths: named } = paths;
  if (count === 0) {
    return null;
  }
  return (
    <>
      <h3>{title}</h3>
      <ul className="wl-Kind-list" aria-label={title}>
        {named.map(path => (
          <li key={path}>{path}</li>
        ))}
        {count > named.length && (
          <li>{trans.__('and %1 more', count - named.length)}</li>
        )}
      </ul>
    </>
  );
}

/** Tell what came of verifying a snapshot. */
export async function showVerification(
  trans: TranslationBundle,
  reference: string,
  found: IVerification
): Promise<void> {
  const { imported, log, problem, verified } = found;
  await showDialog({
    title: trans.__('Verification of %1', reference),
    body: (
      <div className="wl-Proof">
        {verified ? (
          <p className="wl-Proof-good">
            {trans.__('Verified: its lab starts.')}{' '}
            {imported > 0 &&
              trans._n(
                '%1 module was imported.',
                '%1 modules were imported.',
                imported
              )}
          </p>
        ) : (
          <Problem text={problem ?? trans.__('It does not work.')} />
        )}
        {!verified && log && <pre className="wl-Log">{log}</pre>}
      </div>
    ),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}
