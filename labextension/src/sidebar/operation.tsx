import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Disclosure } from '../disclosure';
import type { ILayer, IOperation } from '../models';
import { amount } from '../operationText';
import { formatSize, shortId } from '../text';
import type { Run } from '../tokens';
import { CommandIDs } from '../tokens';

export interface IOperationBarProps {
  readonly operation: IOperation;
  readonly trans: TranslationBundle;
  readonly run: Run;
  /** The button that shows it in full; none where it is shown so already. */
  readonly details?: string;
}

/** Long work: how far it is, layer by layer where there are layers, and the way out. */
export function OperationBar(props: IOperationBarProps): React.ReactElement {
  const { operation, trans, run, details } = props;
  const { layers } = operation;
  const label = operation.detail || operation.kind;
  const moved = amount(operation, trans);
  return (
    <div className="wl-Operation">
      <Bar share={operation.progress} label={label} />
      <span className="wl-Operation-detail">
        {label}
        {moved && <span className="wl-Operation-amount">{moved}</span>}
      </span>
      {details && (
        <button
          className="wl-Button"
          onClick={() => {
            run(CommandIDs.log, { id: operation.id });
          }}
        >
          {details}
        </button>
      )}
      <button
        className="wl-Button"
        onClick={() => {
          run(CommandIDs.cancel, { id: operation.id });
        }}
      >
        {trans.__('Cancel')}
      </button>
      {layers.length > 0 && (
        <div className="wl-Layers">
          <Disclosure label={trans.__('Layers')}>
            <ul className="wl-List" aria-label={trans.__('Layers')}>
              {layers.map(layer => (
                <Layer key={layer.id} layer={layer} trans={trans} />
              ))}
            </ul>
          </Disclosure>
        </div>
      )}
    </div>
  );
}

function Layer(props: {
  readonly layer: ILayer;
  readonly trans: TranslationBundle;
}): React.ReactElement {
  const { layer, trans } = props;
  const { id, done, total } = layer;
  const short = shortId(id);
  return (
    <li className="wl-Layer">
      <span>
        {short} {stateWords(layer, trans)}
      </span>
      <span className="wl-Steps-time">
        {total
          ? trans.__('%1 of %2', formatSize(done), formatSize(total))
          : done > 0 && formatSize(done)}
      </span>
      {total !== null && <Bar share={total ? done / total : 1} label={short} />}
    </li>
  );
}

function stateWords(layer: ILayer, trans: TranslationBundle): string {
  switch (layer.state) {
    case 'waiting':
      return trans.__('waiting');
    case 'downloading':
      return trans.__('downloading');
    case 'downloaded':
      return trans.__('downloaded');
    case 'extracting':
      return trans.__('extracting');
    case 'pushing':
      return trans.__('pushing');
    case 'done':
      return trans.__('done');
    default:
      return layer.state;
  }
}

/** A bar that fills; one that comes and goes where nobody knows how far it is. */
function Bar(props: {
  readonly share: number | null;
  readonly label: string;
}): React.ReactElement {
  const { share, label } = props;
  const percent = share === null ? null : Math.round(share * 100);
  return (
    <div
      className={`wl-Progress${percent === null ? ' wl-mod-unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
    >
      <div style={percent === null ? undefined : { width: `${percent}%` }} />
    </div>
  );
}
