import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import type { ILaunchDefaults, INetwork, IVolume } from '../models';
import { Problem } from './fields';
import type { ILaunchValues } from './launchRequest';
import { Cell, Rows } from './rows';

export interface IMoreProps {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
  /** Workspaces that can be linked to. */
  readonly running: readonly string[];
  readonly standard: ILaunchDefaults;
  readonly values: ILaunchValues;
  readonly change: (change: ILaunchValues) => void;
}

/** What few launches need: volumes, networks, links, ports, environment. */
export function More(props: IMoreProps): React.ReactElement {
  const { api, trans, running, standard, values, change } = props;
  const [volumes, setVolumes] = React.useState<readonly IVolume[]>([]);
  const [networks, setNetworks] = React.useState<readonly INetwork[]>();
  const [problem, setProblem] = React.useState('');

  React.useEffect(() => {
    const tell = (error: unknown): void => {
      setProblem(sentence(error));
    };
    api.volumes().then(setVolumes, tell);
    api.networks().then(setNetworks, tell);
  }, [api]);

  const published = Object.keys(standard.ports ?? {});
  return (
    <>
      <Problem text={problem} />
      <Rows
        trans={trans}
        title={trans.__('Volumes')}
        one={trans.__('Volume')}
        add={trans.__('Add volume')}
        empty={{ source: '', path: '', readOnly: false }}
        rows={values.volumes ?? []}
        onChange={rows => {
          change({ volumes: rows });
        }}
      >
        {(row, edit) => (
          <>
            <Cell
              label={trans.__('Volume')}
              placeholder={trans.__('volume')}
              choices={volumes.map(volume => volume.name)}
              value={row.source}
              onChange={source => {
                edit({ source });
              }}
            />
            <Cell
              label={trans.__('Path')}
              placeholder={trans.__('e.g. /data')}
              value={row.path}
              onChange={path => {
                edit({ path });
              }}
            />
            <label className="wl-Check">
              <input
                type="checkbox"
                checked={row.readOnly}
                onChange={event => {
                  edit({ readOnly: event.target.checked });
                }}
              />
              {trans.__('Read only')}
            </label>
          </>
        )}
      </Rows>
      <Networks
        trans={trans}
        networks={networks}
        chosen={values.networks ?? []}
        onChange={chosen => {
          change({ networks: chosen });
        }}
      />
      <Rows
        trans={trans}
        title={trans.__('Links')}
        hint={trans.__('another workspace, by a name in this one')}
        one={trans.__('Link')}
        add={trans.__('Add link')}
        empty={{ workspace: '', host: '' }}
        rows={values.links ?? []}
        onChange={rows => {
          change({ links: rows });
        }}
      >
        {(row, edit) => (
          <>
            <Cell
              label={trans.__('Workspace')}
              choices={running}
              value={row.workspace}
              onChange={workspace => {
                edit({ workspace });
              }}
            />
            <Cell
              label={trans.__('Host name')}
              placeholder={trans.__('e.g. database')}
              value={row.host}
              onChange={host => {
                edit({ host });
              }}
            />
          </>
        )}
      </Rows>
      <Rows
        trans={trans}
        title={trans.__('Ports')}
        hint={
          published.length > 0
            ? trans.__('this image publishes %1', published.join(', '))
            : undefined
        }
        one={trans.__('Port')}
        add={trans.__('Add port')}
        empty={{ inside: '', outside: '' }}
        rows={values.ports ?? []}
        onChange={rows => {
          change({ ports: rows });
        }}
      >
        {(row, edit) => (
          <>
            <Cell
              label={trans.__('Port inside')}
              value={row.inside}
              onChange={inside => {
                edit({ inside });
              }}
            />
            <Cell
              label={trans.__('Port of the host')}
              placeholder={trans.__('of the host: any')}
              value={row.outside}
              onChange={outside => {
                edit({ outside });
              }}
            />
          </>
        )}
      </Rows>
      <Rows
        trans={trans}
        title={trans.__('Environment')}
        one={trans.__('Variable')}
        add={trans.__('Add variable')}
        empty={{ name: '', value: '' }}
        rows={values.environment ?? []}
        onChange={rows => {
          change({ environment: rows });
        }}
      >
        {(row, edit) => (
          <>
            <Cell
              label={trans.__('Variable')}
              value={row.name}
              onChange={name => {
                edit({ name });
              }}
            />
            <Cell
              label={trans.__('Value')}
              value={row.value}
              onChange={value => {
                edit({ value });
              }}
            />
          </>
        )}
      </Rows>
    </>
  );
}

interface INetworksProps {
  readonly trans: TranslationBundle;
  readonly networks: readonly INetwork[] | undefined;
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}

/** The networks that a workspace is to be on. */
function Networks(props: INetworksProps): React.ReactElement {
  const { trans, networks, chosen, onChange } = props;
  return (
    <fieldset className="wl-Rows">
      <legend>{trans.__('Networks')}</legend>
      {networks?.length === 0 && (
        <span className="wl-Field-hint">
          {trans.__('none; make one in the sidebar')}
        </span>
      )}
      {networks?.map(({ name }) => (
        <label key={name} className="wl-Check">
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={event => {
              const others = chosen.filter(other => other !== name);
              onChange(event.target.checked ? [...others, name] : others);
            }}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}
