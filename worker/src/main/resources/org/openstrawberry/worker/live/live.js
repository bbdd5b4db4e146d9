'use strict';
// A run as it goes. What is known comes from /api/runs/ID; what is new, from its stream of events.
(() => {
  const { element, number } = Strawberry;
  const $ = id => document.getElementById(id);
  const meta = name => document.querySelector('meta[name="' + name + '"]').content;
  const id = decodeURIComponent(location.pathname.split('/')[2]);
  const base = '/api/runs/' + encodeURIComponent(id);
  const SILENT_AFTER = 25000; // ms; a run that answers is heard of every ten seconds
  const FIGURES_EVERY = 3000; // ms

  const pause = ms => new Promise(done => setTimeout(done, ms));

  async function ask(path, options) {
    let answer;
    try {
      answer = await fetch(base + path, options);
    } catch (e) {
      throw new Error('The process that serves this page does not answer.');
    }
    // A refusal is plain text.
    const isJson = (answer.headers.get('Content-Type') || '').startsWith('application/json');
    const value = isJson ? await answer.json() : { error: (await answer.text()).trim() || 'The page was answered with ' + answer.status + '.' };
    if (!answer.ok || !isJson) throw new Error(value.error);
    return value;
  }

  const press = (what, body) => ask('/' + what, {
    method: 'POST',
    headers: { 'X-Strawberry-Key': meta('key'), 'Content-Type': 'application/json' },
    body: JSON.stringify(body || {}),
  });

  const speak = words => { $('spoken').textContent = words; };

  // ---- how the run stands

  let standing = null;
  let heard = Date.now();
  let ended = false;
  let leftAt = 0;
  let spokenTenth = -1;

  function seconds(value) {
    const s = Math.max(0, Math.round(value));
    if (s >= 3600) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
    return s >= 60 ? Math.floor(s / 60) + ' min ' + s % 60 + ' s' : s + ' s';
  }

  function showStanding() {
    const s = standing;
    const warm = s.warmUpStep < s.warmUpSteps && s.iteration === 0;
    const bar = $('bar');
    bar.max = Math.max(1, warm ? s.warmUpSteps : s.iterations);
    bar.value = warm ? s.warmUpStep : s.iteration;
    const words = [warm ? 'warm-up, step ' + s.warmUpStep + ' of ' + s.warmUpSteps : 'iteration ' + s.iteration + ' of ' + s.iterations];
    const over = s.state === 'done' || s.state === 'failed';
    if (!over && s.phase && !warm && s.phase !== s.state) words.push(s.phase);
    if (s.secondsLeft !== undefined && s.state === 'running') {
      words.push('about ' + seconds(s.secondsLeft - (Date.now() - leftAt) / 1000) + ' left');
    }
    if (s.reason) words.push(s.reason);
    $('standing').textContent = words.join(' · ');
    document.title = (over ? s.state : bar.max > 1 ? Math.round(100 * bar.value / bar.max) + ' %' : s.phase) + ' · ' + id;
  }

  function stand(next) {
    const before = standing;
    standing = next;
    if (!before || before.iteration !== next.iteration || before.secondsLeft !== next.secondsLeft) leftAt = Date.now();
    $('state').textContent = next.state;
    $('state').className = 'badge ' + next.state;
    showStanding();
    const over = next.state === 'done' || next.state === 'failed';
    $('pause').disabled = next.state !== 'running';
    $('resume').disabled = next.state !== 'paused' && next.state !== 'pausing';
    $('stop').disabled = over || next.state === 'stopping';
    $('change').disabled = $('send').disabled = over || next.state === 'stopping';
    $('health').hidden = !next.warnings.length;
    $('warnings').hidden = !next.warnings.length;
    const said = next.warnings.join('\n');
    if (!before || before.warnings.join('\n') !== said) {
      $('warnings').lastElementChild.replaceChildren(...next.warnings.map(words => element('li', {}, words)));
      if (said) speak('Unhealthy: ' + said);
    }
    if (before && before.state !== next.state) speak('The run is ' + next.state + (next.reason ? ': ' + next.reason : ''));
    const tenth = Math.floor(10 * next.iteration / Math.max(1, next.iterations));
    if (before && tenth !== spokenTenth && !over) speak('iteration ' + next.iteration + ' of ' + next.iterations);
    spokenTenth = tenth;
    if (!before || before.iteration !== next.iteration) followNewest();
  }

  // A focused button that can't be pressed any more hands the focus on.
  function keepFocus(action) {
    const focused = document.activeElement;
    action();
    if (focused && focused.disabled) {
      const other = ['resume', 'pause', 'stop'].map($).find(button => !button.disabled);
      if (other) other.focus();
    }
  }

  function connection(words) {
    $('connection').hidden = !words;
    if ($('connection').textContent !== words) $('connection').textContent = words;
  }

  setInterval(() => {
    if (!standing || ended) return;
    showStanding();
    if (Date.now() - heard > SILENT_AFTER) {
      connection('The run has not answered for ' + seconds((Date.now() - heard) / 1000) + '. Does its worker live?');
    }
  }, 1000);

  // ---- curves

  let curves = null;
  let charts = [];
  let known = new Set();
  let furtherLeft = [];
  let waiting = 0;
  let reloading = false;
  let reloadAgain = false;
  let heardOf = -1; // the last iteration whose row has come
  let notDrawn = 0; // rows that have come since the means that are drawn
  const MOST_POINTS = 800; // of a curve; of more rows each point is the mean of some

  const columns = () => curves.runs[0].columns;

  function last() {
    const iterations = curves ? columns().iteration : [];
    return iterations.length ? iterations[iterations.length - 1] : -1;
  }

  function draw() {
    Strawberry.forget(charts);
    $('charts').replaceChildren();
    $('more').lastElementChild.replaceChildren();
    known = new Set(Object.keys(columns()));
    const there = columns().iteration.length > 0;
    charts = there ? curves.charts.map(chart => Strawberry.chartOf($('charts'), chart, curves.runs)).filter(Boolean) : [];
    furtherLeft = there ? Strawberry.further(curves) : [];
    $('nothing').hidden = charts.length > 0;
    $('more').hidden = !furtherLeft.length;
    if ($('more').open) drawFurther();
  }

  function drawFurther() {
    const place = $('more').lastElementChild;
    if (!place.children.length) {
      charts.push(...furtherLeft.map(chart => Strawberry.chartOf(place, chart, curves.runs)).filter(Boolean));
    }
  }

  async function loadCurves() {
    curves = await ask('/curves');
    heardOf = Math.max(heardOf, last());
    notDrawn = 0;
    draw();
  }

  function addRows(rows) {
    const fresh = rows.filter(row => row.iteration > Math.max(heardOf, last()));
    if (!fresh.length) return;
    heardOf = fresh[fresh.length - 1].iteration;
    const perPoint = curves.runs[0].perPoint;
    if (reloading || fresh.some(row => Object.keys(row.values).some(key => !known.has(key)))) {
      reload();
    } else if (perPoint > 1) {
      notDrawn += fresh.length;
      if (notDrawn >= perPoint) reload();
    } else if (columns().iteration.length + fresh.length > MOST_POINTS) {
      reload();
    } else {
      fresh.forEach(row => Object.entries(columns()).forEach(([key, column]) =>
        column.push(key === 'iteration' ? row.iteration : row.values[key] ?? null)));
      redrawSoon();
    }
    if (fresh.some(row => Object.keys(row.values).some(key => key.startsWith('eval/')))) showExamples();
    showFigures();
  }

  // A metric that was not there before may need a chart of its own.
  async function reload() {
    // What comes meanwhile may not be in what is loaded.
    reloadAgain = true;
    if (reloading) return;
    reloading = true;
    while (reloadAgain) {
      reloadAgain = false;
      try {
        await loadCurves();
        reloadAgain = reloadAgain && heardOf > last();
      } catch (e) {
        connection(e.message);
      }
    }
    reloading = false;
  }

  function redrawSoon() {
    if (document.hidden || waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      charts.forEach(chart => chart.update());
    });
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden && charts.length) redrawSoon(); });

  // ---- figures, and examples of before and after

  const later = (action, every) => {
    let due = 0;
    let timer = 0;
    return () => {
      if (timer) return;
      timer = setTimeout(() => { timer = 0; due = Date.now() + every; action(); }, Math.max(0, due - Date.now()));
    };
  };

  const showFigures = later(async () => {
    if (!standing || !standing.reachable) return;
    try {
      const figures = await ask('/figures');
      $('figures').replaceChildren(...figures.map(figure => {
        const tile = element('div', { class: 'tile' });
        tile.append(element('dt', {}, figure.what), element('dd', {}, figure.value), element('dd', { class: 'quiet' }, figure.note));
        return tile;
      }));
    } catch (e) { /* the next row asks again */ }
  }, FIGURES_EVERY);

  function answer(what, given) {
    const box = element('div');
    const head = element('h4', {}, what + ' ');
    head.append(element('small', {}, given.reward + (given.ended ? '' : ', cut off')));
    box.append(head, element('pre', { tabindex: '0', 'aria-label': 'Answer ' + what }, given.text));
    return box;
  }

  const showExamples = later(async () => {
    if (!standing || !standing.reachable) return;
    try {
      const examples = await ask('/examples');
      if (!examples) return;
      $('examples-of').textContent = 'Greedy answers to held-out prompts after iteration ' + examples.first + ' and after iteration '
        + examples.last + ': ' + examples.better + ' better, ' + examples.same + ' the same, ' + examples.worse + ' worse.';
      $('answers').replaceChildren(...examples.shown.map(example => {
        const box = element('article', { class: 'example' });
        const head = element('h3');
        head.append(element('span', { class: 'badge ' + example.change }, example.change), ' ', element('span', { class: 'text' }, example.prompt));
        const both = element('div', { class: 'answers' });
        both.append(answer('before', example.before), answer('after', example.after));
        box.append(head, both);
        return box;
      }));
    } catch (e) { /* the next evaluation asks again */ }
  }, FIGURES_EVERY);

  // ---- what is being thought

  const rewardOf = reward => reward === undefined || reward === null ? '' : number(reward);

  function think(now) {
    if (!now.iteration) return;
    const parts = now.prompts.some(prompt => prompt.thoughts.some(thought => thought.partial));
    $('thinking-of').textContent = 'of iteration ' + now.iteration
      + (parts ? ', the newest wave of its trees' : '') + (now.more ? ', of ' + now.prompts.length + ' prompts of ' + (now.prompts.length + now.more) : '');
    const scrolled = new Map([...$('thoughts').querySelectorAll('ol')].map(list => [list.dataset.prompt, list.scrollTop]));
    $('thoughts').replaceChildren(...now.prompts.map(prompt => {
      const box = element('article', { class: 'prompt' });
      const list = element('ol', { tabindex: '0', 'data-prompt': prompt.prompt, 'aria-label': 'Thoughts of prompt ' + prompt.prompt });
      prompt.thoughts.forEach(thought => {
        const line = element('li');
        line.append(element('span', { class: 'reward' }, thought.partial ? 'step ' + thought.branch : rewardOf(thought.reward)),
          element('span', { class: 'said' }, thought.text + (thought.ended ? '' : ' …')));
        list.append(line);
      });
      box.append(element('h3', {}, prompt.text), list);
      return box;
    }));
    $('thoughts').querySelectorAll('ol').forEach(list => { list.scrollTop = scrolled.get(list.dataset.prompt) || 0; });
    if (now.iteration === shown.iteration || $('newest').checked) refreshPrompts();
  }

  // ---- the iterations

  const shown = { iteration: 0, prompt: -1, pair: 0, colour: 'difference' };
  let listed = null;
  let asked = 0;
  let byHand = 0; // questions under way that somebody asked for: what the page asks by itself doesn't go before them

  function told(words) {
    $('browser-told').textContent = words;
  }

  function followNewest() {
    if (!standing) return;
    if ($('newest').checked && standing.iteration > 0 && shown.iteration !== standing.iteration) {
      open(standing.iteration, shown.prompt, 0, true);
    }
    $('iteration').max = Math.max(1, standing.iteration + 1);
  }

  const refreshPrompts = later(() => {
    if (shown.iteration > 0 && shown.iteration >= (standing ? standing.iteration : 0)) open(shown.iteration, shown.prompt, shown.pair, true);
  }, 1000);

  function remember() {
    const place = '#i=' + shown.iteration + (shown.prompt >= 0 ? '&p=' + shown.prompt : '') + (shown.pair ? '&pair=' + shown.pair : '');
    if (!$('newest').checked) history.replaceState(null, '', place);
  }

  async function open(iteration, prompt, pair, quietly) {
    if (quietly && byHand) return;
    const question = ++asked;
    if (!quietly) byHand++;
    try {
      const answer = await ask('/iterations/' + iteration);
      if (question !== asked) return;
      Object.assign(shown, { iteration, prompt, pair });
      if (document.activeElement !== $('iteration')) $('iteration').value = iteration;
      $('earlier').disabled = iteration <= 1;
      $('later').disabled = iteration >= answer.iterations;
      listPrompts(answer);
      told('');
      const there = answer.prompts.some(line => line.prompt === prompt);
      if (there) await openPrompt(prompt, pair, quietly);
      else $('detail').replaceChildren(element('p', { class: 'quiet' }, 'Choose a prompt to see its branches.'));
      remember();
    } catch (e) {
      if (question === asked) told(e.message);
    } finally {
      if (!quietly) byHand--;
    }
  }

  function listPrompts(answer) {
    const same = listed === JSON.stringify(answer.prompts);
    listed = JSON.stringify(answer.prompts);
    if (!same) {
      const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.prompt : undefined;
      const inList = $('prompts').contains(document.activeElement);
      const all = answer.prompts.flatMap(line => line.rewards).filter(reward => reward !== null);
      const least = Math.min(...all);
      const span = Math.max(...all) - least || 1;
      $('prompts').replaceChildren(...answer.prompts.map(line => {
        const button = element('button', { type: 'button', 'data-prompt': line.prompt }, line.text);
        const dots = element('span', { class: 'dots' });
        line.rewards.forEach(reward => {
          const dot = element('span', { class: reward === null ? 'dot none' : 'dot', title: reward === null ? 'no reward' : 'reward ' + number(reward) });
          if (reward !== null) dot.style.setProperty('--share', Math.round(100 * (reward - least) / span));
          dots.append(dot);
        });
        dots.append(line.pairs === 1 ? '1 pair' : line.pairs + ' pairs');
        button.append(dots);
        button.addEventListener('click', () => { $('newest').checked = false; openPrompt(line.prompt, 0, false); });
        return button;
      }));
      if (inList && focused !== undefined) $('prompts').querySelector('[data-prompt="' + focused + '"]')?.focus();
    }
    mark();
  }

  function mark() {
    $('prompts').querySelectorAll('button').forEach(button =>
      button.setAttribute('aria-pressed', String(Number(button.dataset.prompt) === shown.prompt)));
  }

  // Within the list only: the page itself stays where it is.
  function bringIntoList() {
    const list = $('prompts');
    const button = list.querySelector('[aria-pressed="true"]');
    if (button && (button.offsetTop < list.scrollTop || button.offsetTop + button.offsetHeight > list.scrollTop + list.clientHeight)) {
      list.scrollTop = button.offsetTop - (list.clientHeight - button.offsetHeight) / 2;
    }
  }

  let detail = null;

  async function openPrompt(prompt, pair, quietly) {
    if (quietly && byHand) return;
    const question = ++asked;
    if (!quietly) byHand++;
    try {
      const found = await ask('/iterations/' + shown.iteration + '/prompts/' + prompt);
      if (question !== asked) return;
      const same = quietly && detail === JSON.stringify(found) && shown.prompt === prompt && $('detail').children.length > 1;
      detail = JSON.stringify(found);
      Object.assign(shown, { prompt, pair: found.pairs.some(one => one.pair === pair) ? pair : 0 });
      mark();
      if (!quietly) bringIntoList();
      if (!same) showDetail(found);
      remember();
    } catch (e) {
      if (question === asked) told(e.message);
    } finally {
      if (!quietly) byHand--;
    }
  }

  function showDetail(found) {
    const place = $('detail');
    const head = element('h3', { class: 'text' }, found.text);
    const where = element('p', { class: 'quiet' }, 'row ' + found.row + ' of the data, epoch ' + found.epoch + ', ' + found.branches.length
      + (found.branches.length === 1 ? ' branch' : ' branches') + (found.thoughtsAreThere || !found.branches.length ? '' : '; their own file is gone, so only those in pairs are left'));
    const tools = element('div', { class: 'tools' });
    const branches = element('div', { class: 'branches' });
    const numbers = [...new Set(found.pairs.map(pair => pair.pair))];
    const choices = [0, ...numbers].map(choice => {
      const button = element('button', { type: 'button', 'data-pair': choice }, choice ? 'pair ' + choice : 'all branches');
      button.addEventListener('click', () => { shown.pair = choice; $('newest').checked = false; fill(); remember(); });
      return button;
    });
    const select = element('select', { id: 'colour' });
    [['difference', 'policy against reference'], ['policy', 'policy'], ['reference', 'reference'], ['sampled', 'as sampled']].forEach(([value, text]) =>
      select.append(element('option', { value }, text)));
    select.value = shown.colour;
    select.addEventListener('change', () => { shown.colour = select.value; fill(); });
    const scale = element('span', { class: 'scale' });
    tools.append(...choices, element('label', { for: 'colour' }, 'log-probs'), select, scale);
    const fill = () => {
      choices.forEach(button => button.setAttribute('aria-pressed', String(Number(button.dataset.pair) === shown.pair)));
      const both = found.pairs.filter(pair => pair.pair === shown.pair);
      const isOf = (pair, branch) => [pair.chosen, pair.rejected].includes(branch.branch) && (found.thoughtsAreThere || pair.from === branch.from);
      const there = shown.pair ? found.branches.filter(branch => both.some(pair => isOf(pair, branch))) : found.branches;
      branches.className = shown.pair ? 'branches two' : 'branches';
      branches.replaceChildren(...there.map(branch => showBranch(found, branch)));
      const difference = shown.colour === 'difference';
      scale.replaceChildren(difference ? 'less likely' : 'likely', element('i', { class: difference ? 'difference' : 'single' }), difference ? 'likelier than by the reference' : 'unlikely');
    };
    place.replaceChildren(head, where, tools, branches);
    if (found.tree) where.after(StrawberryTree.draw(found.tree));
    fill();
  }

  function roles(found, branch) {
    return found.pairs.flatMap(pair => [
      ...(pair.chosen === branch.branch ? [['better', 'chosen in pair ' + pair.pair]] : []),
      ...(pair.rejected === branch.branch ? [['worse', 'rejected in pair ' + pair.pair]] : [])]);
  }

  function showBranch(found, branch) {
    const box = element('article', { class: 'branch', 'data-branch': branch.branch });
    const head = element('h4');
    head.append(element('b', {}, 'branch ' + branch.branch + (branch.from ? ' from token ' + (branch.from + 1) : '')));
    if (branch.rank !== undefined) head.append(element('span', {}, 'rank ' + branch.rank));
    head.append(element('span', {}, branch.reward !== undefined ? 'reward ' + number(branch.reward) : 'no reward' + (branch.error ? ': ' + branch.error : ' yet')));
    head.append(element('span', {}, branch.length + (branch.length === 1 ? ' token' : ' tokens') + (branch.ended ? '' : ', cut off')));
    roles(found, branch).slice(0, 4).forEach(([kind, words]) => head.append(element('span', { class: 'badge ' + kind }, words)));
    box.append(head);
    if (branch.parts) {
      box.append(element('p', { class: 'quiet' }, Object.entries(branch.parts).map(([name, score]) => name + ' ' + number(score)).join(' · ')));
    }
    box.append(...tokensOf(branch));
    return box;
  }

  function shade(token) {
    const percent = value => Math.round(Math.min(75, Math.max(0, value)));
    if (shown.colour === 'difference') {
      if (token.policy === undefined || token.reference === undefined) return null;
      const difference = token.policy - token.reference;
      return [difference >= 0 ? 'up' : 'down', percent(150 * Math.sqrt(Math.abs(difference)) / 2)];
    }
    const value = token[shown.colour];
    return value === undefined ? null : ['one', percent(75 * (1 - Math.exp(value)))];
  }

  const signed = value => (value < 0 ? '−' : '+') + Math.abs(value).toFixed(3);
  const negative = value => (value < 0 ? '−' : '') + Math.abs(value).toFixed(3);

  function reading(token, place) {
    const words = ['token ' + (place + 1) + (token.text ? ' “' + token.text.trim() + '”' : ', a special one')];
    if (token.policy !== undefined) words.push('policy ' + negative(token.policy));
    if (token.reference !== undefined) words.push('reference ' + negative(token.reference), 'difference ' + signed(token.policy - token.reference));
    if (token.policy === undefined && token.sampled !== undefined) words.push('as sampled ' + negative(token.sampled));
    return words.join(' · ');
  }

  function tokensOf(branch) {
    const read = element('output', { class: 'read', 'aria-live': 'polite' });
    const usual = branch.compared ? '' : branch.tokens.some(token => token.sampled !== undefined)
      ? 'not learnt from: log-probs as sampled only' : '';
    read.textContent = usual;
    const place = element('div', { class: 'tokens', tabindex: '0', role: 'group', 'aria-label': 'Tokens of branch ' + branch.branch + ': ' + branch.text });
    const spans = branch.tokens.map((token, i) => {
      const mark = token.text === '';
      const span = element('span', { class: mark ? 't mark' : 't' }, mark ? ' ⏎' : token.text);
      const found = shade(token);
      if (found) {
        span.classList.add(found[0]);
        span.style.setProperty('--a', found[1]);
      }
      span.addEventListener('pointerenter', () => { read.textContent = reading(token, branch.from + i); });
      return span;
    });
    let at = -1;
    const go = next => {
      if (at >= 0) spans[at].classList.remove('at');
      at = next;
      if (at >= 0) {
        spans[at].classList.add('at');
        spans[at].scrollIntoView({ block: 'nearest' });
        read.textContent = reading(branch.tokens[at], branch.from + at);
      }
    };
    place.addEventListener('pointerleave', () => { read.textContent = at >= 0 ? reading(branch.tokens[at], branch.from + at) : usual; });
    place.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined || !spans.length) return;
      event.preventDefault();
      go(Math.max(0, Math.min(spans.length - 1, (at < 0 ? step > 0 ? -1 : spans.length : at) + step)));
    });
    place.addEventListener('blur', () => { go(-1); read.textContent = usual; });
    place.append(...spans);
    return [place, read];
  }

  // ---- buttons

  function answered(words, bad) {
    $('told').textContent = words;
    $('told').className = bad ? 'bad' : '';
  }

  async function steer(what, body, words) {
    try {
      const done = await press(what, body);
      answered(words(done), false);
      return true;
    } catch (e) {
      answered(e.message, true);
      return false;
    }
  }

  function wire() {
    $('pause').addEventListener('click', () => steer('pause', {}, () => 'The run pauses after the iteration under way.'));
    $('resume').addEventListener('click', () => steer('resume', {}, () => 'The run goes on.'));
    $('stop').addEventListener('click', () => { $('sure').returnValue = 'no'; $('sure').showModal(); });
    $('sure').addEventListener('close', () => {
      if ($('sure').returnValue === 'stop') steer('stop', {}, () => 'The run stops after the iteration under way.');
    });
    $('adjust').addEventListener('submit', async event => {
      event.preventDefault();
      const change = $('change').value.trim();
      if (!change) return;
      const taken = await steer('adjust', { changes: [change] }, done => 'From the next iteration on: '
        + Object.entries(done.changes).map(([key, value]) => key + ' = ' + (typeof value === 'object' ? JSON.stringify(value) : value)).join(', ') + '.');
      if (taken) $('change').value = '';
    });
    $('change').addEventListener('focus', () => about().catch(e => answered(e.message, true)));
    const leave = () => { $('newest').checked = false; };
    $('earlier').addEventListener('click', () => { leave(); open(Math.max(1, shown.iteration - 1), shown.prompt, 0); });
    $('later').addEventListener('click', () => { leave(); open(shown.iteration + 1, shown.prompt, 0); });
    $('iteration').addEventListener('change', () => { leave(); open(Number($('iteration').value), shown.prompt, 0); });
    $('pick').addEventListener('submit', event => event.preventDefault());
    $('newest').addEventListener('change', () => {
      if ($('newest').checked) { history.replaceState(null, '', location.pathname); followNewest(); }
    });
    $('more').addEventListener('toggle', () => { if ($('more').open && curves) drawFurther(); });
    Strawberry.watchWidthAndTheme();
  }

  // ---- from the beginning

  async function about() {
    const run = await ask('');
    $('name').textContent = run.id;
    $('directory').textContent = run.directory + (run.reachable ? '' : ' — not readable by the process that serves this page: it shows what the run itself tells, without thoughts, iterations and examples');
    $('settings').replaceChildren(...Object.entries(run.adjustable).map(([key, value]) => element('option', { value: key + '=' + value })));
    ['thinking', 'iterations', 'examples'].forEach(section => { $(section).hidden = !run.reachable; });
    document.querySelectorAll('nav a').forEach(link => { link.hidden = !run.reachable && link.hash !== '#curves'; });
  }

  function listen() {
    const stream = new EventSource(base + '/events?after=' + last());
    const hear = action => event => {
      heard = Date.now();
      connection('');
      action(JSON.parse(event.data));
    };
    // After a crash the browser finds the stream of another process by itself; the buttons' key is the old one's.
    stream.addEventListener('served', event => {
      if (JSON.parse(event.data).instance !== meta('instance')) location.reload();
    });
    stream.addEventListener('standing', hear(next => {
      const first = !standing;
      keepFocus(() => stand(next));
      if (first) { showFigures(); showExamples(); }
    }));
    stream.addEventListener('rows', hear(addRows));
    stream.addEventListener('thinking', hear(think));
    stream.addEventListener('end', () => {
      ended = true;
      stream.close();
      ['pause', 'resume', 'stop', 'change', 'send'].forEach(name => { $(name).disabled = true; });
      const over = standing && (standing.state === 'done' || standing.state === 'failed');
      connection(over ? 'The run is over, and the process that served this page has ended: report.html in the run’s directory shows the rest.'
        : 'The process that served this page has ended; the page goes on when it is served again.');
      setTimeout(restart, 3000);
    });
    stream.addEventListener('error', () => {
      if (ended) return;
      connection('The connection is lost; trying again …');
      if (stream.readyState === EventSource.CLOSED) setTimeout(restart, 3000);
    });
  }

  // The same page may be served again by another process, after a restart of the run. It has another key.
  async function restart() {
    try {
      const answer = await fetch(location.pathname, { cache: 'no-store' });
      if (answer.ok) location.reload();
      else setTimeout(restart, 5000);
    } catch (e) {
      setTimeout(restart, 5000);
    }
  }

  async function begin() {
    wire();
    $('name').textContent = id;
    $('list').hidden = meta('list') !== 'true';
    const place = new URLSearchParams(location.hash.slice(1));
    if (place.has('i')) {
      $('newest').checked = false;
      open(Number(place.get('i')), Number(place.get('p') ?? -1), Number(place.get('pair') ?? 0));
    }
    for (;;) {
      try {
        await about();
        await loadCurves();
        break;
      } catch (e) {
        connection(e.message);
        await pause(2000);
      }
    }
    connection('');
    listen();
  }

  begin();
})();
