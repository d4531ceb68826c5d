import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import type { IFoundImage } from '../models';
import { Problem, TextField } from './fields';
import { Form } from './form';

export interface IPullValues {
  readonly image: string;
}

/** Ask which image to pull; null where the user thinks better of it. */
export async function askPull(
  api: WorkspaceApi,
  trans: TranslationBundle,
  initial: IPullValues,
  problem: string
): Promise<IPullValues | null> {
  const result = await showDialog<IPullValues>({
    title: trans.__('Pull Image'),
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">
          {trans.__(
            'An image from a registry, such as registry.example:5000/anna/lab:one. A workspace needs one that has JupyterLab.'
          )}
        </p>
        <TextField
          id="wl-pull-image"
          label={trans.__('Image')}
          value={values.image}
          onChange={image => {
            change({ image });
          }}
        />
        <Search
          api={api}
          trans={trans}
          term={values.image.trim()}
          onChoose={image => {
            change({ image });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Pull') })
    ],
    focusNodeSelector: '#wl-pull-image'
  });
  return result.button.accept ? result.value : null;
}

interface ISearchProps {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
  readonly term: string;
  readonly onChoose: (name: string) => void;
}

/** What a registry has of such a name, where it can be searched. */
function Search(props: ISearchProps): React.ReactElement {
  const { api, trans, term, onChoose } = props;
  const [found, setFound] = React.useState<readonly IFoundImage[]>();
  const [state, setState] = React.useState('');

  const search = async (): Promise<void> => {
    setFound(undefined);
    setState(trans.__('Searching…'));
    try {
      const images = await api.search(term);
      setFound(images);
      setState(images.length > 0 ? '' : trans.__('Nothing found.'));
    } catch (error) {
      setState(sentence(error));
    }
  };

  return (
    <div className="wl-Search">
      <button
        type="button"
        className="wl-Button"
        disabled={!term}
        onClick={() => void search()}
      >
        {trans.__('Search')}
      </button>
      <span className="wl-Field-hint" role="status">
        {state}
      </span>
      {found && found.length > 0 && (
        <ul className="wl-List" aria-label={trans.__('Found')}>
          {found.map(image => (
            <li key={image.name}>
              <button
                type="button"
                className="wl-Found"
                onClick={() => {
                  onChoose(image.name);
                }}
              >
                <span className="wl-Row-name">{image.name}</span>
                <span className="wl-Row-detail">
                  {image.official ? trans.__('official') : `★ ${image.stars}`}
                </span>
                <span className="wl-Row-detail">{image.description}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
