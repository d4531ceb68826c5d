/**
 * A browser tab that is opened while the user's click still allows it, and led to the workspace when that is ready.
 */
export class LaunchTab {
  /** A tab that says `text`, or null where the browser forbids it. */
  static open(text: string): LaunchTab | null {
    const tab = window.open('about:blank', '_blank');
    if (!tab) {
      return null;
    }
    // What is shown there must not reach back to this page.
    tab.opener = null;
    const launchTab = new LaunchTab(tab);
    launchTab.say(text);
    return launchTab;
  }

  private constructor(private readonly _tab: Window) {}

  say(text: string): void {
    if (this._tab.closed) {
      return;
    }
    const page = this._tab.document;
    page.title = text;
    page.documentElement.style.colorScheme = 'light dark';
    page.body.style.font = '16px sans-serif';
    page.body.style.margin = '2em';
    page.body.textContent = text;
  }

  go(address: string): void {
    if (!this._tab.closed) {
      this._tab.location.replace(address);
    }
  }

  close(): void {
    this._tab.close();
  }
}

/** Open an address in a tab of its own that cannot reach back to this page. */
export function openTab(address: string): void {
  window.open(address, '_blank', 'noopener');
}
