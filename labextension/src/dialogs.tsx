import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from './api';
import { sentence } from './api';
import { Field, Problem, TextField } from './fields';
import type {
  ICommitRequest,
  IImage,
  IInfo,
  ILaunchRequest,
  IWorkspaceKey
} from './models';
import { shortSize } from './text';

/** What was typed into the launch dialog; what was not touched is undefined. */
export interface ILaunchValues {
  name?: string;
  image?: string;
  gpus?: string;
  cpus?: string;
  memory?: string;
  shm_size?: string;
}

export interface ICommitValues {
  tag?: string;
  message?: string;
}

/** A dialog body that keeps what is typed into it. */
class Form<T extends object> extends ReactWidget {
  constructor(
    initial: T,
    private readonly _renderForm: (
      values: T,
      change: (change: Partial<T>) => void
    ) => React.ReactElement
  ) {
    super();
    this.addClass('wl-Form');
    this._values = { ...initial };
  }

  getValue(): T {
    return this._values;
  }

  protected override render(): React.ReactElement {
    return this._renderForm(this._values, change => {
      this._values = { ...this._values, ...change };
      this.update();
    });
  }

  private _values: T;
}

/** Ask what to launch; null where the user thinks better of it. */
export async function askLaunch(
  api: WorkspaceApi,
  trans: TranslationBundle,
  initial: ILaunchValues,
  problem: string
): Promise<ILaunchValues | null> {
  const result = await showDialog<ILaunchValues>({
    title: trans.__('New Workspace'),
    body: new Form(initial, (values, change) => (
      <LaunchForm
        api={api}
        trans={trans}
        values={values}
        change={change}
        problem={problem}
      />
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Launch') })
    ],
    focusNodeSelector: '#wl-launch-name'
  });
  return result.button.accept ? result.value : null;
}

interface ILaunchFormProps {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
  readonly values: ILaunchValues;
  readonly change: (change: ILaunchValues) => void;
  readonly problem: string;
}

function LaunchForm(props: ILaunchFormProps): React.ReactElement {
  const { api, trans, values, change } = props;
  const [info, setInfo] = React.useState<IInfo | null>(null);
  const [images, setImages] = React.useState<readonly IImage[] | null>(null);
  const [problem, setProblem] = React.useState(props.problem);

  React.useEffect(() => {
    const tell = (error: unknown): void => {
      setProblem(before => before || sentence(error));
    };
    api.info().then(setInfo, tell);
    api.images().then(setImages, (error: unknown) => {
      setImages([]);
      tell(error);
    });
  }, [api]);

  const defaults = info?.defaults ?? {};
  const image = values.image ?? defaults.image ?? '';
  const offered = (images ?? []).filter(item => item.ready);
  const noGpu = info?.limits.gpus === 0;
  return (
    <>
      <Problem text={problem} />
      <TextField
        id="wl-launch-name"
        label={trans.__('Name')}
        placeholder={trans.__('generated for you')}
        value={values.name ?? ''}
        onChange={name => {
          change({ name });
        }}
      />
      <Field id="wl-launch-image" label={trans.__('Image')}>
        <select
          id="wl-launch-image"
          className="jp-mod-styled"
          value={image}
          onChange={event => {
            change({ image: event.target.value });
          }}
        >
          {!offered.some(item => item.reference === image) && (
            <option value={image}>
              {image || (images ? trans.__('default') : trans.__('Loading…'))}
            </option>
          )}
          {offered.map(item => (
            <option
              key={item.reference}
              value={item.reference}
              title={item.description}
            >
              {item.title || item.reference}
            </option>
          ))}
        </select>
      </Field>
      <TextField
        id="wl-launch-gpus"
        label={trans.__('GPUs')}
        placeholder={noGpu ? '' : trans.__('none; a number, or all')}
        hint={noGpu ? trans.__('no GPU') : undefined}
        disabled={noGpu}
        value={noGpu ? '' : (values.gpus ?? text(defaults.gpus))}
        onChange={gpus => {
          change({ gpus });
        }}
      />
      <TextField
        id="wl-launch-cpus"
        label={trans.__('CPUs')}
        placeholder={trans.__('e.g. 2')}
        value={values.cpus ?? text(defaults.cpus)}
        onChange={cpus => {
          change({ cpus });
        }}
      />
      <TextField
        id="wl-launch-memory"
        label={trans.__('Memory')}
        placeholder={trans.__('e.g. 8g')}
        value={values.memory ?? size(defaults.memory)}
        onChange={memory => {
          change({ memory });
        }}
      />
      <TextField
        id="wl-launch-shm"
        label={trans.__('Shared memory')}
        placeholder={trans.__('e.g. 1g')}
        value={values.shm_size ?? size(defaults.shm_size)}
        onChange={shm_size => {
          change({ shm_size });
        }}
      />
    </>
  );
}

/** Ask what to call a commit; null where the user thinks better of it. */
export async function askCommit(
  trans: TranslationBundle,
  title: string,
  initial: ICommitValues,
  problem: string
): Promise<ICommitValues | null> {
  const result = await showDialog<ICommitValues>({
    title,
    body: new Form(initial, (values, change) => (
      <>
        <Problem text={problem} />
        <p className="wl-Form-lead">
          {trans.__(
            'Keeps the environment as an image from which workspaces can be launched.'
          )}
        </p>
        <TextField
          id="wl-commit-tag"
          label={trans.__('Tag')}
          placeholder={trans.__('date-time')}
          value={values.tag ?? ''}
          onChange={tag => {
            change({ tag });
          }}
        />
        <TextField
          id="wl-commit-message"
          label={trans.__('Message')}
          placeholder={trans.__('what has changed')}
          value={values.message ?? ''}
          onChange={message => {
            change({ message });
          }}
        />
      </>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Commit') })
    ],
    focusNodeSelector: '#wl-commit-tag'
  });
  return result.button.accept ? result.value : null;
}

export async function confirmRemoval(
  trans: TranslationBundle,
  workspace: IWorkspaceKey
): Promise<boolean> {
  const result = await showDialog({
    title: trans.__('Remove %1?', workspace.name),
    body: trans.__(
      'Notebooks in the mounted directory stay. Changes inside the environment that were not committed are lost.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Remove') })
    ],
    defaultButton: 0
  });
  return result.button.accept;
}

/** What was typed as what the server expects; what it cannot read it refuses with a sentence of its own. */
export function launchRequest(values: ILaunchValues): ILaunchRequest {
  const request: ILaunchRequest = {};
  const name = values.name?.trim();
  const gpus = values.gpus?.trim();
  const cpus = values.cpus?.trim();
  const memory = values.memory?.trim();
  const shared = values.shm_size?.trim();
  if (name) {
    request.name = name;
  }
  if (values.image) {
    request.image = values.image;
  }
  if (gpus) {
    request.gpus = gpus.includes(',')
      ? gpus.split(',').map(uuid => uuid.trim())
      : numberOr(gpus);
  }
  if (cpus) {
    request.cpus = numberOr(cpus);
  }
  if (memory) {
    request.memory = numberOr(memory);
  }
  if (shared) {
    request.shm_size = numberOr(shared);
  }
  return request;
}

export function commitRequest(values: ICommitValues): ICommitRequest {
  const tag = values.tag?.trim();
  const message = values.message?.trim();
  return { ...(tag && { tag }), ...(message && { message }) };
}

function numberOr(typed: string): number | string {
  return /^\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed;
}

function text(value: number | string | null | undefined): string {
  return value == null || value === 0 ? '' : String(value);
}

function size(bytes: number | null | undefined): string {
  return bytes ? shortSize(bytes) : '';
}
