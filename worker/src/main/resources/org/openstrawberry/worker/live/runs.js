'use strict';
// The list of a server's runs, asked for again and again while it is looked at.
(() => {
  const { element, number } = Strawberry;
  const told = document.getElementById('told');
  const body = document.querySelector('#runs tbody');
  const EVERY = 2000;

  function line(run) {
    const row = element('tr');
    const name = element('td');
    name.append(element('a', { href: '/runs/' + encodeURIComponent(run.id) }, run.id));
    row.append(name);
    const state = element('td');
    state.append(element('span', { class: 'badge ' + run.status }, run.status));
    row.append(state);
    const cells = [run.phase || '–', run.iteration ?? '–', number(run.loss), number(run.reward), number(run.accuracy),
      run.started.replace('T', ' ').slice(0, 16)];
    cells.forEach(cell => row.append(element('td', {}, String(cell))));
    return row;
  }

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch('/api/runs');
        // A refusal is plain text.
        const isJson = (answer.headers.get('Content-Type') || '').startsWith('application/json');
        const runs = isJson ? await answer.json() : { error: await answer.text() };
        if (!answer.ok || !isJson) throw new Error(runs.error);
        const focused = document.activeElement && document.activeElement.getAttribute('href');
        body.replaceChildren(...runs.map(line));
        if (focused) body.querySelector('a[href="' + CSS.escape(focused) + '"]')?.focus();
        told.textContent = runs.length ? runs.length + (runs.length === 1 ? ' run' : ' runs') + ', the newest first.' : 'The server has no run yet.';
      } catch (e) {
        told.textContent = e instanceof TypeError ? 'The worker that serves this page does not answer.' : e.message;
      }
    }
    setTimeout(look, EVERY);
  }

  Strawberry.watchWidthAndTheme();
  look();
})();
