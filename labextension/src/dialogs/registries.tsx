import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import type { ILogin } from '../models';
import { Problem, TextField } from './fields';
import { Form } from './form';

export interface ILoginValues {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** Show the logins to registries, and ask for another; null where none is wanted. */
export async function askLogin(
  api: WorkspaceApi,
  trans: TranslationBundle,
  initial: ILoginValues,
  problem: string
): Promise<ILoginValues | null> {
  const result = await showDialog<ILoginValues>({
    title: trans.__('Registries'),
    // The password is asked for each time.
    body: new Form({ ...initial, password: '' }, (values, change) => (
      <>
        <Logins api={api} trans={trans} />
        <Problem text={problem} />
        <TextField
          id="wl-login-registry"
          label={trans.__('Registry')}
          placeholder={trans.__('Docker Hub, or registry.example:5000')}
          value={values.registry}
          onChange={registry => {
            change({ registry });
          }}
        />
        <TextField
          id="wl-login-username"
          label={trans.__('Username')}
          value={values.username}
          onChange={username => {
            change({ username });
          }}
        />
        <TextField
          id="wl-login-password"
          label={trans.__('Password')}
          placeholder={trans.__('or access token')}
          secret={true}
          value={values.password}
          onChange={password => {
            change({ password });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Close') }),
      Dialog.okButton({ label: trans.__('Log in') })
    ],
    focusNodeSelector: '#wl-login-registry'
  });
  return result.button.accept ? result.value : null;
}

/** The registries that the user is logged in to, and the way out. */
function Logins(props: {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
}): React.ReactElement {
  const { api, trans } = props;
  const [logins, setLogins] = React.useState<readonly ILogin[]>();
  const [problem, setProblem] = React.useState('');

  const list = React.useCallback(() => {
    api.logins().then(setLogins, (error: unknown) => {
      setProblem(sentence(error));
    });
  }, [api]);
  React.useEffect(list, [list]);

  const logout = (registry: string): void => {
    setProblem('');
    api
      .logout(registry)
      .catch((error: unknown) => {
        setProblem(sentence(error));
      })
      .finally(list);
  };

  return (
    <>
      <Problem text={problem} />
      {logins?.length === 0 && (
        <p className="wl-Form-lead">
          {trans.__('You are logged in to no registry.')}
        </p>
      )}
      {logins && logins.length > 0 && (
        <ul className="wl-List wl-Logins" aria-label={trans.__('Logins')}>
          {logins.map(login => (
            <li
              key={login.registry}
              className="wl-Line"
              aria-label={login.registry}
            >
              <span className="wl-Line-text">
                <span className="wl-Row-name">{login.registry}</span>{' '}
                <span className="wl-Row-detail">{login.username}</span>
              </span>
              <button
                type="button"
                className="wl-Button"
                onClick={() => {
                  logout(login.registry);
                }}
              >
                {trans.__('Log out')}
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
