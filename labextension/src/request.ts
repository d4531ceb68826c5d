import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** What the server refused, or that it did not answer (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    /** All that it said. */
    readonly body: Readonly<Record<string, unknown>> = {}
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** A response of the launcher, or an `ApiError`. */
export async function request(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit = {}
): Promise<Response> {
  const url = URLExt.join(settings.baseUrl, 'workspace-launcher', path);
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
  } catch (error) {
    if (error instanceof ServerConnection.NetworkError) {
      throw new ApiError(0, 'network', 'The server does not answer.');
    }
    throw error;
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

/** The sentence for a person in whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Error && error.message) {
    return error.message;
  }
  return typeof error === 'string' && error ? error : 'Something went wrong.';
}

async function refusal(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = ((await response.json()) as Record<string, unknown> | null) ?? {};
  } catch {
    // Not JSON: something between us and the server answered.
  }
  const reason = typeof body.reason === 'string' ? body.reason : '';
  const message =
    (typeof body.message === 'string' && body.message) ||
    `The server answered ${response.status} ${response.statusText}`;
  return new ApiError(response.status, reason, message.trim(), body);
}
