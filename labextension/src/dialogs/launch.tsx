import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import { Disclosure } from '../disclosure';
import type { IImage, IInfo, ILaunchDefaults } from '../models';
import { shortSize } from '../text';
import type { IContext } from '../tokens';
import { Field, Problem, TextField } from './fields';
import { Form } from './form';
import { ImageOptions } from './imageOptions';
import type { ILaunchValues } from './launchRequest';
import { More } from './more';

/** What was entered, and the image that it means as far as the server listed it. */
export interface ILaunchAnswer {
  readonly values: ILaunchValues;
  readonly image?: IImage;
}

/** What there is to launch from. */
interface IOffer {
  readonly info: IInfo | null;
  readonly images: readonly IImage[] | null;
}

/** Ask what to launch; null where the user thinks better of it. */
export async function askLaunch(
  context: IContext,
  initial: ILaunchValues,
  problem: string
): Promise<ILaunchAnswer | null> {
  const { api, store, trans } = context;
  const running = [...store.workspaces.values()]
    .filter(workspace => workspace.state === 'running')
    .map(workspace => workspace.name);
  let offer: IOffer = { info: null, images: null };
  const result = await showDialog<ILaunchValues>({
    title: trans.__('New Workspace'),
    body: new Form(initial, (values, change) => (
      <LaunchForm
        api={api}
        trans={trans}
        running={running}
        values={values}
        change={change}
        problem={problem}
        onOffer={given => {
          offer = given;
        }}
      />
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Launch') })
    ],
    focusNodeSelector: '#wl-launch-name'
  });
  if (!result.button.accept || !result.value) {
    return null;
  }
  return { values: result.value, image: chosen(result.value, offer) };
}

function chosen(values: ILaunchValues, offer: IOffer): IImage | undefined {
  const reference = values.image ?? offer.info?.defaults.image;
  return offer.images?.find(image => image.reference === reference);
}

interface ILaunchFormProps {
  readonly api: WorkspaceApi;
  readonly trans: TranslationBundle;
  readonly running: readonly string[];
  readonly values: ILaunchValues;
  readonly change: (change: ILaunchValues) => void;
  readonly problem: string;
  readonly onOffer: (offer: IOffer) => void;
}

function LaunchForm(props: ILaunchFormProps): React.ReactElement {
  const { api, trans, values, change, onOffer } = props;
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
  React.useEffect(() => {
    onOffer({ info, images });
  }, [info, images, onOffer]);

  const image = values.image ?? info?.defaults.image ?? '';
  const standard: ILaunchDefaults = {
    ...info?.defaults,
    ...chosen(values, { info, images })?.launch
  };
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
          <ImageOptions images={images} current={image} trans={trans} />
        </select>
      </Field>
      <TextField
        id="wl-launch-gpus"
        label={trans.__('GPUs')}
        placeholder={
          noGpu ? '' : text(standard.gpus) || trans.__('none; a number, or all')
        }
        hint={noGpu ? trans.__('no GPU') : undefined}
        disabled={noGpu}
        value={noGpu ? '' : (values.gpus ?? '')}
        onChange={gpus => {
          change({ gpus });
        }}
      />
      <TextField
        id="wl-launch-cpus"
        label={trans.__('CPUs')}
        placeholder={text(standard.cpus) || trans.__('no limit; e.g. 2')}
        value={values.cpus ?? ''}
        onChange={cpus => {
          change({ cpus });
        }}
      />
      <TextField
        id="wl-launch-memory"
        label={trans.__('Memory')}
        placeholder={size(standard.memory) || trans.__('no limit; e.g. 8g')}
        value={values.memory ?? ''}
        onChange={memory => {
          change({ memory });
        }}
      />
      <TextField
        id="wl-launch-shm"
        label={trans.__('Shared memory')}
        placeholder={size(standard.shm_size) || trans.__('e.g. 1g')}
        value={values.shm_size ?? ''}
        onChange={shm_size => {
          change({ shm_size });
        }}
      />
      <Disclosure label={trans.__('More')} open={hasMore(props.values)}>
        <More
          api={api}
          trans={trans}
          running={props.running}
          standard={standard}
          values={values}
          change={change}
        />
      </Disclosure>
    </>
  );
}

function hasMore(values: ILaunchValues): boolean {
  const { volumes, networks, links, ports, environment } = values;
  return [volumes, networks, links, ports, environment].some(
    rows => rows !== undefined && rows.length > 0
  );
}

function text(value: number | string | null | undefined): string {
  return value == null || value === 0 ? '' : String(value);
}

function size(value: number | string | null | undefined): string {
  return typeof value === 'number' ? shortSize(value) : (value ?? '');
}
