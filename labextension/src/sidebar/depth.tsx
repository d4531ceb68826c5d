import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** Layers that container engines stack, and from which on a commit makes one of all above the base. */
const MOST = 125;
const FLATTENED_AT = 100;

export interface IDepthProps {
  readonly layers: number;
  readonly trans: TranslationBundle;
}

/** How many layers a snapshot has, of as many as an engine takes. */
export function Depth(props: IDepthProps): React.ReactElement {
  const { layers, trans } = props;
  const high = layers >= FLATTENED_AT;
  const share = Math.min(1, layers / MOST);
  const words = trans.__('%1 of %2 layers', layers, MOST);
  return (
    <span
      className="wl-Depth"
      title={[
        words,
        trans.__(
          'the next commit over %1 or more makes one of them',
          FLATTENED_AT
        )
      ].join('; ')}
    >
      <span
        className={`wl-Depth-bar${high ? ' wl-mod-high' : ''}`}
        role="meter"
        aria-label={trans.__('Depth')}
        aria-valuemin={0}
        aria-valuemax={MOST}
        aria-valuenow={layers}
        aria-valuetext={words}
        style={
          {
            '--wl-share': `${share * 100}%`,
            '--wl-mark': `${(FLATTENED_AT / MOST) * 100}%`
          } as React.CSSProperties
        }
      />
      <span aria-hidden="true">
        {trans._n('%1 layer', '%1 layers', layers)}
      </span>
    </span>
  );
}
