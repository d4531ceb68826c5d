import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IImage } from '../models';
import { isHere } from '../models';
import { clip } from '../text';

const LONGEST = 60;

export interface IImageOptionsProps {
  /** Null while they are not known. */
  readonly images: readonly IImage[] | null;
  readonly current: string;
  readonly trans: TranslationBundle;
}

/** The images to choose from: those that are not there yet are marked, those with a problem say it. */
export function ImageOptions(props: IImageOptionsProps): React.ReactElement {
  const { images, current, trans } = props;
  const offered = images ?? [];
  const snapshots = offered.filter(image => image.kind === 'snapshot');
  const others = offered.filter(image => image.kind !== 'snapshot');
  const option = (image: IImage): React.ReactElement => (
    <option
      key={image.reference}
      value={image.reference}
      title={[image.description, ...image.problems].join('\n')}
      disabled={isHere(image) && !image.ready}
    >
      {optionText(image, trans)}
    </option>
  );
  return (
    <>
      {!offered.some(image => image.reference === current) && (
        <option value={current}>
          {current || (images ? trans.__('default') : trans.__('Loading…'))}
        </option>
      )}
      {others.map(option)}
      {snapshots.length > 0 && (
        <optgroup label={trans.__('Snapshots')}>
          {snapshots.map(option)}
        </optgroup>
      )}
    </>
  );
}

function optionText(image: IImage, trans: TranslationBundle): string {
  const { reference, title } = image;
  const name =
    image.kind === 'snapshot' && title && title !== reference
      ? `${reference} - ${title}`
      : title || reference;
  if (!isHere(image)) {
    return `${name} - ${absence(image, trans)}`;
  }
  const problem = image.ready ? '' : image.problems[0];
  return problem ? `${name} - ${clip(problem, LONGEST)}` : name;
}

/** How an image that is not there is marked. */
export function absence(image: IImage, trans: TranslationBundle): string {
  return image.buildable
    ? trans.__('not built yet')
    : trans.__('not pulled yet');
}
