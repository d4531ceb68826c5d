'use strict';
(() => {
  const facts = JSON.parse(document.body.dataset.facts);
  const api = facts.base + 'workspace-launcher/api';
  const find = id => document.getElementById(id);
  const workspaces = new Map();
  let ready = false;

  /** Call the REST API; a refusal is shown, and thrown. */
  async function call(method, path, body) {
    const headers = { 'X-XSRFToken': facts.xsrf };
    if (body) headers['Content-Type'] = 'application/json';
    const answer = await fetch(api + path, {
      method, headers, redirect: 'manual', body: body ? JSON.stringify(body) : undefined
    });
    const value = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return value;
    if (answer.type === 'opaqueredirect' || (value && value.reason === 'not_logged_in')) location.reload();
    throw new Error((value && value.message) || `The server answered ${answer.status}.`);
  }

  function problem(text) {
    find('problem').textContent = text;
    find('problem').hidden = !text;
  }

  /** Do what a button says, which nobody can press again meanwhile. */
  async function act(button, work) {
    problem('');
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      problem(error.message);
    } finally {
      button.disabled = false;
    }
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const key = one => `${one.owner}/${one.name}`;
  const pathOf = one => `/workspaces/${encodeURIComponent(one.owner)}/${encodeURIComponent(one.name)}`;

  function button(text, one, work) {
    const made = element('button', { type: 'button', textContent: text });
    made.dataset.does = text;
    made.setAttribute('aria-describedby', `name-${one.id}`);
    made.addEventListener('click', () => act(made, work));
    return made;
  }

  function actions(one) {
    const made = [];
    if (one.state === 'running' || one.state === 'starting') {
      if (one.state === 'running') {
        const link = element('a', { className: 'button main', textContent: 'Open', href: one.url, target: '_blank', rel: 'noopener' });
        link.setAttribute('role', 'button');
        link.setAttribute('aria-describedby', `name-${one.id}`);
        link.dataset.does = 'Open';
        made.push(link);
      }
      made.push(button('Stop', one, () => call('POST', pathOf(one) + '/stop')));
    } else if (one.state === 'paused') {
      made.push(button('Resume', one, () => call('POST', pathOf(one) + '/unpause')));
    } else if (one.state !== 'stopping') {
      if (one.state === 'stopped') made.push(button('Start', one, () => call('POST', pathOf(one) + '/start')));
      made.push(
        button('Remove', one, async () => {
          if (confirm(`Remove ${one.name}? What was installed in it is lost; your files and snapshots stay.`))
            await call('DELETE', pathOf(one));
        })
      );
    }
    return made;
  }

  const size = bytes => (bytes ? `${+(bytes / 2 ** 30).toFixed(1)} GiB` : '');

  function row(one) {
    const about = [one.image, one.cpus && `${one.cpus} CPUs`, size(one.memory), one.gpus.length && `${one.gpus.length} GPUs`];
    const made = element(
      'li',
      {},
      element('h3', { id: `name-${one.id}`, textContent: one.name }),
      element('div', { className: 'actions' }, ...actions(one)),
      element(
        'p',
        {},
        element('span', { className: `state ${one.state}`, textContent: one.state }),
        ` · ${about.filter(Boolean).join(' · ')}`
      )
    );
    if (one.message) made.append(element('p', { className: one.state === 'failed' ? 'why' : '', textContent: one.message }));
    return made;
  }

  /** Show what there is, and leave the keyboard's focus where it was. */
  function show() {
    const focused = document.activeElement;
    const before = focused && focused.dataset && focused.closest('li')
      ? [focused.closest('li').dataset.key, focused.dataset.does] : null;
    const rows = [...workspaces.values()].sort((a, b) => a.name.localeCompare(b.name));
    find('list').replaceChildren(...rows.map(one => Object.assign(row(one), {})));
    [...find('list').children].forEach((made, index) => { made.dataset.key = key(rows[index]); });
    find('none').hidden = rows.length > 0;
    if (ready) find('none').textContent = 'You have none yet: launch one below.';
    if (before) {
      const again = [...find('list').children].find(made => made.dataset.key === before[0]);
      if (again) (again.querySelector(`[data-does="${before[1]}"]`) || again.querySelector('button, a'))?.focus();
    }
  }

  function listen() {
    const source = new EventSource(api + '/events');
    const on = (kind, work) => source.addEventListener(kind, event => work(JSON.parse(event.data)));
    source.addEventListener('open', () => { workspaces.clear(); });
    on('workspace', one => {
      const known = workspaces.get(key(one));
      if (ready && (!known || known.state !== one.state)) find('said').textContent = `${one.name} is ${one.state}.`;
      for (const [other, old] of workspaces) if (old.id === one.id) workspaces.delete(other);
      workspaces.set(key(one), one);
      if (ready) show();
    });
    on('workspace-removed', one => { workspaces.delete(key(one)); if (ready) show(); });
    on('engine', state => problem(state.reachable === false ? state.message || 'The container engine does not answer.' : ''));
    on('ready', () => { ready = true; show(); });
    // After a logout the stream is refused: the page then leads to the login.
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) call('GET', '/info').then(() => setTimeout(listen, 2000), () => location.reload());
    });
  }

  async function images() {
    const select = document.forms.launch.elements.image;
    const [info, rows] = await Promise.all([call('GET', '/info'), call('GET', '/images')]);
    const there = rows.filter(one => one.ready || one.reference === info.defaults.image);
    select.replaceChildren(...there.map(one => new Option(one.title || one.reference, one.reference)));
    select.value = info.defaults.image;
  }

  document.forms.launch.addEventListener('submit', event => {
    event.preventDefault();
    const form = event.target;
    const request = {};
    for (const [name, value] of new FormData(form))
      if (value.trim()) request[name] = name === 'cpus' ? Number(value) : value.trim();
    act(event.submitter || form.querySelector('button'), async () => {
      const made = await call('POST', '/workspaces', request);
      form.elements.name.value = '';
      find('said').textContent = `${made.name} is starting.`;
    });
  });

  find('who').textContent = facts.user + (facts.admin ? ', administrator' : '');
  for (const [id, path, shown] of [['logout', 'logout', facts.logout], ['lab', 'lab', facts.admin]]) {
    find(id).href = facts.base + path;
    find(id).hidden = !shown;
  }
  listen();
  images().catch(error => problem(error.message));
})();
