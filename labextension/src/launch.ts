import type { Notification } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';

import { ApiError, sentence } from './request';
import { confirmFetch } from './dialogs/confirm';
import { askLaunch } from './dialogs/launch';
import type { ILaunchValues } from './dialogs/launchRequest';
import { launchRequest } from './dialogs/launchRequest';
import { fetchImage } from './images';
import type { IImage, ILaunchRequest, IWorkspace } from './models';
import { isHere } from './models';
import { Progress } from './progress';
import { LaunchTab } from './tab';
import type { IContext } from './tokens';

let asking = false;

/** Ask what to launch, until the server takes it or the user gives up, and launch it. */
export async function launch(context: IContext, image?: string): Promise<void> {
  await launchWith(context, image ? { image } : {});
}

async function launchWith(
  context: IContext,
  initial: ILaunchValues,
  problem = ''
): Promise<void> {
  if (asking) {
    return;
  }
  asking = true;
  try {
    await askAndLaunch(context, initial, problem);
  } finally {
    asking = false;
  }
}

async function askAndLaunch(
  context: IContext,
  initial: ILaunchValues,
  firstProblem: string
): Promise<void> {
  const { trans } = context;
  const sender = new Sender(context);
  let values = initial;
  let problem = firstProblem;
  for (;;) {
    const answer = await askLaunch(context, values, problem);
    if (!answer) {
      return;
    }
    values = answer.values;
    problem = '';
    try {
      const request = launchRequest(values, trans);
      let missing = lacking(answer.image);
      if (!missing) {
        try {
          await sender.send(request, context.openAfterLaunch());
          return;
        } catch (error) {
          missing = await missingImage(context, request, error);
        }
      }
      if (await confirmFetch(trans, missing)) {
        await fetchAndLaunch(context, missing, values, request);
        return;
      }
    } catch (error) {
      problem = sentence(error);
    }
  }
}

/** The image for the lack of which a launch was refused; a launch refused for another reason stays so. */
async function missingImage(
  context: IContext,
  request: ILaunchRequest,
  error: unknown
): Promise<IImage> {
  if (error instanceof ApiError && error.reason === 'image_missing') {
    const [images, info] = await Promise.all([
      context.api.images(),
      context.api.info()
    ]);
    const reference = request.image ?? info.defaults.image;
    const missing = lacking(images.find(one => one.reference === reference));
    if (missing) {
      return missing;
    }
  }
  throw error;
}

/** The image, if it is known and not there. */
function lacking(image: IImage | undefined): IImage | undefined {
  return image && !isHere(image) ? image : undefined;
}

/** Build or pull an image, and launch when it is there; the user goes on with other things meanwhile. */
async function fetchAndLaunch(
  context: IContext,
  image: IImage,
  values: ILaunchValues,
  request: ILaunchRequest
): Promise<void> {
  const { notices, trans } = context;
  const again = (problem: string): Notification.IAction => ({
    label: trans.__('Change and launch…'),
    callback: () => {
      void launchWith(context, values, problem);
    }
  });
  await fetchImage(context, image, {
    next: { done: () => [] },
    actionsOnFailure: [again('')],
    then: () => {
      // The click is long ago: no browser would let a tab be opened.
      new Sender(context).send(request, false).catch((error: unknown) => {
        const why = sentence(error);
        notices.problem(
          new Error(trans.__('The workspace was not launched: %1', why)),
          [again(why)]
        );
      });
    }
  });
}

/** Sends launch requests; the same one after a lost answer is the same workspace. */
class Sender {
  constructor(private readonly _context: IContext) {}

  /** Have a workspace launched and tell how it goes; throws what the server refused. */
  async send(request: ILaunchRequest, openTab: boolean): Promise<void> {
    const { api, notices, trans } = this._context;
    if (JSON.stringify(request) !== this._sent) {
      this._sent = JSON.stringify(request);
      this._key = UUID.uuid4();
    }
    const title = trans.__(
      'Starting %1…',
      request.name ?? trans.__('workspace')
    );
    const tab = openTab ? LaunchTab.open(title) : null;
    const progress = new Progress(title);
    let workspace: IWorkspace;
    try {
      workspace = await api.launch(request, this._key);
    } catch (error) {
      tab?.close();
      progress.dismiss();
      if (error instanceof ApiError && error.status > 0) {
        this._sent = '';
      }
      throw error;
    }
    tab?.say(trans.__('Starting %1…', workspace.name));
    notices.followStart(progress, workspace, { tab });
  }

  private _sent = '';
  private _key = '';
}
