import type { TranslationBundle } from '@jupyterlab/translation';

import type { ILaunchRequest, IPorts } from '../models';

export interface IVolumeRow {
  readonly source: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export interface ILinkRow {
  readonly workspace: string;
  readonly host: string;
}

export interface IPortRow {
  readonly inside: string;
  readonly outside: string;
}

export interface IVariableRow {
  readonly name: string;
  readonly value: string;
}

/** What was typed into the launch dialog; what was not touched is undefined. */
export interface ILaunchValues {
  name?: string;
  image?: string;
  gpus?: string;
  cpus?: string;
  memory?: string;
  shm_size?: string;
  volumes?: readonly IVolumeRow[];
  networks?: readonly string[];
  links?: readonly ILinkRow[];
  ports?: readonly IPortRow[];
  environment?: readonly IVariableRow[];
}

/**
 * What was typed as what the server expects; what it cannot read it refuses with a sentence of its own.
 *
 * Throws where something is there twice, which the request could not say.
 */
export function launchRequest(
  values: ILaunchValues,
  trans: TranslationBundle
): ILaunchRequest {
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
  return { ...request, ...attachments(values, trans) };
}

function attachments(
  values: ILaunchValues,
  trans: TranslationBundle
): ILaunchRequest {
  const { networks } = values;
  const volumes = keyed(
    trans,
    values.volumes?.map(row => [row.source, row.path, row.readOnly] as const),
    (path, readOnly) => ({ bind: path, mode: readOnly ? 'ro' : 'rw' }) as const
  );
  const links = keyed(
    trans,
    values.links?.map(row => [row.workspace, row.host] as const),
    host => host
  );
  const ports = keyed(
    trans,
    values.ports?.map(row => [row.inside, row.outside] as const),
    binding
  );
  const environment = keyed(
    trans,
    values.environment?.map(row => [row.name, row.value] as const),
    value => value
  );
  return {
    ...(volumes && { volumes }),
    ...(networks?.length && { networks }),
    ...(links && { links }),
    ...(ports && { ports }),
    ...(environment && { environment })
  };
}

/** Rows as an object from their first cells; undefined where there are none. Rows without a text are not meant. */
function keyed<R extends readonly [string, string, ...unknown[]], T>(
  trans: TranslationBundle,
  rows: readonly R[] | undefined,
  value: (second: string, third: R[2]) => T
): Record<string, T> | undefined {
  const found = new Map<string, T>();
  for (const row of rows ?? []) {
    const [first, second] = [row[0].trim(), row[1].trim()];
    if (!first && !second) {
      continue;
    }
    if (found.has(first)) {
      throw new Error(trans.__('%1 is there twice.', first));
    }
    found.set(first, value(second, row[2]));
  }
  return found.size > 0 ? Object.fromEntries(found) : undefined;
}

/** A port of the host as it is typed: nothing for any, `8080`, `0.0.0.0:8080`, `[::1]:8080`. */
function binding(typed: string): IPorts[string] {
  const colon = typed.lastIndexOf(':');
  if (colon < 0) {
    return typed ? portOr(typed) : null;
  }
  const address = typed.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = typed.slice(colon + 1);
  return [address, port ? portOr(port) : null];
}

/** What is no number the server refuses. */
function portOr(typed: string): number {
  return /^\d+$/.test(typed) ? Number(typed) : 0;
}

function numberOr(typed: string): number | string {
  return /^\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed;
}
