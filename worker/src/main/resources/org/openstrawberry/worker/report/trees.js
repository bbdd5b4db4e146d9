'use strict';
// A tree of thoughts as a picture that is opened step by step. It needs nothing but trees.css and the page's colours:
//
//   parent.append(StrawberryTree.draw({ label: '17+5-8=?', nodes: [{ id: 0, parent: null, visits: 8, value: 0.5, text: '' }, …] }));
//
// A node: id, parent (null: the root), text, visits, value (null: none), and where they are known prior (mean log-probability),
// ended (false: nothing was drawn behind it yet, or it was cut off), left (steps below it that are not in the data) and pairs,
// such as [{ pair: 1, chosen: true }]. Parents stand before their children. A band's width is by visits, its colour by value;
// both also stand in words.
const StrawberryTree = (() => {
  const COLUMN = 196, ROW = 46, WIDTH = 158, WIDEST = 15, FEW = 26;

  const made = (name, attributes = {}, text = '') => {
    const element = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.textContent = text;
    return element;
  };

  const words = value => value === null || value === undefined ? 'no value' : String(+value.toFixed(2));
  const counted = (count, word) => count + ' ' + word + (count === 1 ? '' : 's');
  const oneLine = text => text.replace(/\n/g, '⏎').trim() || '␣';
  const marksOf = node => (node.pairs || []).map(pair => ({ chosen: pair.chosen, text: (pair.chosen ? '+' : '−') + pair.pair }));

  function draw(tree) {
    const nodes = new Map(tree.nodes.map(node => [node.id, { ...node, children: [] }]));
    nodes.forEach(node => { const before = nodes.get(node.parent); if (before) before.children.push(node); });
    const root = nodes.get(tree.nodes[0].id);
    const values = tree.nodes.map(node => node.value).filter(value => value !== null && value !== undefined);
    const least = Math.min(0, ...values), most = Math.max(values.length ? Math.max(...values) : 1, least + 1e-9);
    const share = node => Math.round(100 * (node.value - least) / (most - least));
    const colour = node => node.value === null || node.value === undefined ? 'var(--quiet)' : `color-mix(in oklab, var(--good) ${share(node)}%, var(--bad))`;
    const band = node => 1.5 + (WIDEST - 1.5) * node.visits / Math.max(1, root.visits);

    const box = made('div', { class: 'thoughts' });
    const tools = made('div', { class: 'thoughts-tools' });
    const canvas = made('div', { class: 'thoughts-canvas', role: 'tree', 'aria-label': 'Tree of thoughts: ' + tree.label });
    const scroll = made('div', { class: 'thoughts-scroll' });
    const detail = made('div', { class: 'thoughts-detail', 'aria-live': 'polite' });
    scroll.append(canvas);
    box.append(tools, scroll, detail);

    const open = new Set();
    let current = root;

    // Small trees are shown whole; of large ones what was visited most, a level at a time.
    function openSome() {
      open.clear();
      let shown = 1;
      const waiting = [root];
      while (waiting.length) {
        waiting.sort((a, b) => b.visits - a.visits);
        const node = waiting.shift();
        if (!node.children.length || (shown > 1 && shown + node.children.length > FEW)) continue;
        open.add(node);
        shown += node.children.length;
        waiting.push(...node.children);
      }
    }

    function visible() {
      const list = [];
      const walk = (node, depth, position, siblings) => {
        list.push({ node, depth, position, siblings });
        if (open.has(node)) node.children.forEach((child, i) => walk(child, depth + 1, i + 1, node.children.length));
      };
      walk(root, 0, 1, 1);
      return list;
    }

    // A leaf has a row of its own, a step that is open stands in the middle of those that follow it.
    function rows(list) {
      const row = new Map();
      let next = 0;
      const place = node => {
        if (!open.has(node)) { row.set(node, next++); return; }
        node.children.forEach(place);
        row.set(node, (row.get(node.children[0]) + row.get(node.children[node.children.length - 1])) / 2);
      };
      place(root);
      return { row, count: next };
    }

    function path(node) {
      return node.parent === null || !nodes.has(node.parent) ? node.text : path(nodes.get(node.parent)) + node.text;
    }

    function describe(node) {
      const below = node.children.length + (node.left || 0);
      return [
        node === root ? 'prompt' : 'step ' + oneLine(node.text),
        (node.value === null || node.value === undefined ? '' : 'value ') + words(node.value), counted(node.visits, 'visit'),
        ...(node.pairs || []).map(pair => (pair.chosen ? 'preferred' : 'not preferred') + ' in pair ' + pair.pair),
        below ? counted(below, 'next step') : node.ended ? 'the thought ends here' : 'nothing was drawn after it',
      ].join(', ');
    }

    function tell(node) {
      detail.replaceChildren();
      const facts = made('p', { class: 'quiet' }, describe(node).replace(/^[^,]*, /, '')
        + (typeof node.prior === 'number' && node !== root ? ', mean log-probability ' + node.prior.toFixed(3) : ''));
      const text = made('pre', { tabindex: '0', 'aria-label': 'Text as far as this step' });
      const before = node === root ? '' : path(nodes.get(node.parent) || root);
      text.append(made('span', { class: 'quiet' }, tree.label + before), made('b', {}, node === root ? '' : node.text));
      detail.append(facts, text);
    }

    function show(node, focus) {
      current = node;
      const list = visible();
      const { row, count } = rows(list);
      const deepest = Math.max(...list.map(item => item.depth));
      canvas.style.width = deepest * COLUMN + WIDTH + 12 + 'px';
      canvas.style.height = count * ROW + 'px';
      const lines = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      lines.setAttribute('aria-hidden', 'true');
      const items = list.map(({ node: step, depth, position, siblings }) => {
        const x = depth * COLUMN, y = row.get(step) * ROW + ROW / 2;
        const parent = nodes.get(step.parent);
        if (parent) {
          const from = (depth - 1) * COLUMN + WIDTH, middle = (from + x) / 2, begin = row.get(parent) * ROW + ROW / 2;
          const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
          line.setAttribute('d', `M${from},${begin} C${middle},${begin} ${middle},${y} ${x},${y}`);
          line.style.strokeWidth = band(step);
          line.style.stroke = colour(step);
          lines.append(line);
        }
        const item = made('div', {
          role: 'treeitem', class: 'thoughts-step', tabindex: step === current ? '0' : '-1', 'aria-label': describe(step),
          'aria-level': depth + 1, 'aria-posinset': position, 'aria-setsize': siblings, 'aria-selected': step === current,
        });
        if (step.children.length) item.setAttribute('aria-expanded', open.has(step));
        item.style.cssText = `left:${x}px;top:${y - ROW / 2 + 3}px;width:${WIDTH}px;height:${ROW - 6}px`;
        item.style.setProperty('--value', colour(step));
        const marks = marksOf(step);
        if (marks.length) item.classList.add(marks.every(mark => mark.chosen) ? 'preferred' : marks.some(mark => mark.chosen) ? 'both' : 'unpreferred');
        const first = made('span', { class: 'thoughts-text' }, step === root ? tree.label : oneLine(step.text));
        const second = made('span', { class: 'thoughts-facts' }, words(step.value) + ' · ' + step.visits + '×');
        marks.forEach(mark => second.append(made('b', { class: mark.chosen ? 'plus' : 'minus' }, mark.text)));
        if (step.children.length && !open.has(step)) second.append(made('i', {}, '▸ ' + step.children.length));
        else if (!step.children.length && step.ended) second.append(made('i', {}, '■'));
        item.append(first, second);
        item.addEventListener('click', () => { toggle(step); show(step, true); });
        item.step = step;
        return item;
      });
      canvas.replaceChildren(lines, ...items);
      tell(current);
      if (focus) {
        const at = items.find(item => item.step === current);
        at.focus({ preventScroll: true });
        at.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      }
    }

    function toggle(node) {
      if (open.has(node)) open.delete(node);
      else if (node.children.length) open.add(node);
    }

    canvas.addEventListener('keydown', event => {
      const list = visible().map(item => item.node);
      const at = list.indexOf(current);
      const parent = nodes.get(current.parent);
      let to = current;
      switch (event.key) {
        case 'Enter': case ' ': toggle(current); break;
        case 'ArrowDown': to = list[Math.min(list.length - 1, at + 1)]; break;
        case 'ArrowUp': to = list[Math.max(0, at - 1)]; break;
        case 'Home': to = list[0]; break;
        case 'End': to = list[list.length - 1]; break;
        case 'ArrowRight': if (!open.has(current)) toggle(current); else to = current.children[0]; break;
        case 'ArrowLeft': if (open.has(current)) toggle(current); else to = parent || current; break;
        default: return;
      }
      event.preventDefault();
      show(to, true);
    });

    const all = made('button', { type: 'button' }, 'Open all');
    all.addEventListener('click', () => { nodes.forEach(node => node.children.length && open.add(node)); show(root, false); });
    const some = made('button', { type: 'button' }, 'Close');
    some.addEventListener('click', () => { open.clear(); show(root, false); });
    const key = made('span', { class: 'thoughts-key quiet' });
    key.append('width: visits · colour: value from ' + words(least), made('i', { 'aria-hidden': 'true' }), 'to ' + words(most) + ' · +1 and −1: the sides of pair 1 · ■: ended');
    tools.append(all, some, key);
    openSome();
    show(root, false);
    return box;
  }

  // A choice of trees, of which one is drawn: [{ name, label, nodes }].
  function choice(trees) {
    const box = made('div');
    const id = 'thoughts-' + Math.random().toString(36).slice(2);
    const label = made('label', { for: id, class: 'quiet' }, 'Tree ');
    const select = made('select', { id });
    trees.forEach((tree, i) => select.append(made('option', { value: i }, tree.name)));
    const place = made('div');
    const show = () => place.replaceChildren(draw(trees[select.value]));
    select.addEventListener('change', show);
    label.append(select);
    box.append(label, place);
    show();
    return box;
  }

  return { draw, choice };
})();
