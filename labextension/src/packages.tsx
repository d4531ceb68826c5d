import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IPackageDifference } from './environmentModels';

/** Rows from which on a table can be searched. */
const MANY = 20;

/** A package of which something differs. */
interface IRow {
  readonly change: 'added' | 'removed' | 'changed';
  readonly manager: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface IPackageTableProps {
  readonly difference: IPackageDifference;
  readonly trans: TranslationBundle;
}

/** What was added, removed and changed, a row each; nothing where nothing was. */
export function PackageTable(
  props: IPackageTableProps
): React.ReactElement | null {
  const { difference, trans } = props;
  const [term, setTerm] = React.useState('');
  const rows = React.useMemo(() => rowsOf(difference), [difference]);
  if (rows.length === 0) {
    return null;
  }
  const wanted = term.trim().toLowerCase();
  const shown = rows.filter(row => row.name.toLowerCase().includes(wanted));
  return (
    <>
      {rows.length > MANY && (
        <input
          className="jp-mod-styled wl-Packages-filter"
          type="search"
          aria-label={trans.__('Filter packages')}
          placeholder={trans.__('Filter packages')}
          value={term}
          onChange={event => {
            setTerm(event.target.value);
          }}
        />
      )}
      <table className="wl-Packages" aria-label={trans.__('Packages')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Package')}</th>
            <th scope="col">{trans.__('From')}</th>
            <th scope="col">{trans.__('Before')}</th>
            <th scope="col">{trans.__('After')}</th>
            <th scope="col">{trans.__('Change')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(row => (
            <tr
              key={`${row.manager} ${row.name}`}
              className={`wl-mod-${row.change}`}
            >
              <th scope="row">{row.name}</th>
              <td>{row.manager}</td>
              <td>{row.before}</td>
              <td>{row.after}</td>
              <td>{changeWord(row.change, trans)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** How many packages differ: `3 added, 1 changed`; empty where none does. */
export function packageCount(
  difference: IPackageDifference,
  trans: TranslationBundle
): string {
  const { added, removed, changed } = difference;
  return [
    added.length > 0 ? trans.__('%1 added', added.length) : '',
    removed.length > 0 ? trans.__('%1 removed', removed.length) : '',
    changed.length > 0 ? trans.__('%1 changed', changed.length) : ''
  ]
    .filter(Boolean)
    .join(', ');
}

/** How many rows the table has. */
export function packageRows(difference: IPackageDifference): number {
  const { added, removed, changed } = difference;
  return added.length + removed.length + changed.length;
}

function rowsOf(difference: IPackageDifference): IRow[] {
  const { added, removed, changed } = difference;
  return [
    ...added.map(({ manager, name, version }) => ({
      change: 'added' as const,
      manager,
      name,
      before: '',
      after: version
    })),
    ...removed.map(({ manager, name, version }) => ({
      change: 'removed' as const,
      manager,
      name,
      before: version,
      after: ''
    })),
    ...changed.map(row => ({ change: 'changed' as const, ...row }))
  ];
}

function changeWord(change: IRow['change'], trans: TranslationBundle): string {
  switch (change) {
    case 'added':
      return trans.__('added');
    case 'removed':
      return trans.__('removed');
    case 'changed':
      return trans.__('changed');
  }
}
