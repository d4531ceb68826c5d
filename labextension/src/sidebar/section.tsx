import * as React from 'react';

import { Disclosure } from '../disclosure';

/** A part of the sidebar that can be shown and hidden. */
export function Section(props: {
  readonly title: string;
  readonly open?: boolean;
  readonly children: React.ReactNode;
}): React.ReactElement {
  return (
    <section className="wl-Section">
      <Disclosure label={props.title} open={props.open} heading={true}>
        {props.children}
      </Disclosure>
    </section>
  );
}
