import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { absence } from '../dialogs/imageOptions';
import type { IImage, IOperation } from '../models';
import { isHere } from '../models';
import { formatSize } from '../text';
import type { Run } from '../tokens';
import { CommandIDs } from '../tokens';
import { OperationBar } from './operation';

export interface IImageRowProps {
  readonly image: IImage;
  readonly operations: readonly IOperation[];
  readonly trans: TranslationBundle;
  readonly run: Run;
}

/** An image to launch from: what it is, whether it is there, and what can be done with it. */
export function ImageRow(props: IImageRowProps): React.ReactElement {
  const { image, trans, run } = props;
  const { reference, title, size, adds, ready } = image;
  const here = isHere(image);
  const operations = props.operations.filter(
    operation => operation.target === reference
  );
  const sizes = [
    size ? formatSize(size) : '',
    adds ? trans.__('adds %1', formatSize(adds)) : ''
  ].filter(Boolean);
  return (
    <li className="wl-Row" aria-label={title || reference}>
      <div className="wl-Row-head">
        <span className="wl-Row-name" title={image.description}>
          {title || reference}
        </span>
        <span className="wl-State">
          {here ? sizes.join(' · ') : absence(image, trans)}
        </span>
      </div>
      {title && title !== reference && (
        <div className="wl-Row-detail">{reference}</div>
      )}
      {here &&
        image.problems.map(problem => (
          <div key={problem} className="wl-Message wl-mod-failed">
            {problem}
          </div>
        ))}
      {operations.map(operation => (
        <OperationBar
          key={operation.id}
          operation={operation}
          trans={trans}
          run={run}
          details={
            operation.kind === 'build'
              ? trans.__('Show log')
              : trans.__('Details')
          }
        />
      ))}
      <div className="wl-Buttons">
        {!here && operations.length === 0 && (
          <button
            className="wl-Button"
            onClick={() => {
              run(CommandIDs.fetchImage, { reference });
            }}
          >
            {image.buildable ? trans.__('Build') : trans.__('Pull')}
          </button>
        )}
        <button
          className="wl-Button"
          disabled={here && !ready}
          onClick={() => {
            run(CommandIDs.launch, { image: reference });
          }}
        >
          {trans.__('Launch')}
        </button>
        {here && (
          <button
            className="wl-Button"
            onClick={() => {
              run(CommandIDs.removeImage, { reference });
            }}
          >
            {trans.__('Remove')}
          </button>
        )}
      </div>
    </li>
  );
}
