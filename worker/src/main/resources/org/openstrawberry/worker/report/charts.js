'use strict';
// Draws the curves of a run, for the report and for the live page. Data: { runs: [{ name, perPoint, columns }], charts, lengths }.
const Strawberry = (() => {
  const colour = index => getComputedStyle(document.documentElement).getPropertyValue('--c' + (index % 8)).trim();
  const token = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

  const number = value => {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    const size = Math.abs(value);
    if (size >= 1e6) return (value / 1e6).toPrecision(3) + ' M';
    if (size >= 1e4) return Math.round(value).toLocaleString('en');
    if (size > 0 && size < 1e-3) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  };

  const short = value => {
    const size = Math.abs(value);
    if (size >= 1e6) return +(value / 1e6).toPrecision(3) + 'M';
    if (size >= 1e3) return +(value / 1e3).toPrecision(3) + 'k';
    if (size > 0 && size < 1e-3) return value.toExponential(1).replace('.0e', 'e');
    return String(+value.toPrecision(6));
  };

  const element = (name, attributes = {}, text = '') => {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.textContent = text;
    return made;
  };

  const present = column => column ? column.filter(value => value !== null).length : 0;

  // An exponential mean over some fortieth of the points, of dense columns only.
  const smoothed = column => {
    const weight = 1 / Math.max(2, Math.round(column.length / 40));
    let mean = null;
    return column.map(value => {
      if (value === null) return null;
      mean = mean === null ? value : mean + weight * (value - mean);
      return mean;
    });
  };

  // The lines of a chart: of several runs only the first metrics, by colour the run, by dash the metric.
  const linesOf = (chart, runs) => {
    const lines = [];
    const keys = Object.keys(chart.keys).slice(0, runs.length > 1 ? 2 : 8);
    runs.forEach((run, r) => keys.forEach((key, k) => {
      const column = run.columns[key];
      if (present(column)) {
        lines.push({
          get x() { return run.columns.iteration; },
          get y() { return run.columns[key]; },
          label: runs.length > 1 ? run.name + (keys.length > 1 ? ' · ' + chart.keys[key] : '') : chart.keys[key],
          colour: runs.length > 1 ? r : k,
          dash: runs.length > 1 && k > 0 ? [6, 4] : undefined,
        });
      }
    }));
    return lines;
  };

  const axes = unit => [
    { stroke: token('quiet'), grid: { stroke: token('grid'), width: 1 }, ticks: { show: false }, size: 26, font: '11px system-ui, sans-serif', values: (u, ticks) => ticks.map(tick => tick % 1 === 0 ? short(tick) : '') },
    { stroke: token('quiet'), grid: { stroke: token('grid'), width: 1 }, ticks: { show: false }, size: 48, font: '11px system-ui, sans-serif', values: (u, ticks) => ticks.map(short) },
  ];

  // Some room around the values, also where all are equal.
  const range = (u, least, most) => {
    if (least === null || most === null) return [0, 1];
    const room = (most - least) * 0.06 || Math.abs(most) * 0.1 || 1;
    return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
  };

  const drawn = []; // every chart, to draw again when its width or the theme changes

  function figure(parent, title, unit, describe) {
    const box = element('figure');
    const caption = element('figcaption', {}, title);
    if (unit) caption.append(element('small', {}, unit));
    const plot = element('div', { class: 'plot', tabindex: '0', role: 'img', 'aria-label': title + '. ' + describe });
    box.append(caption, plot);
    parent.append(box);
    return plot;
  }

  function keys(plot, get) {
    plot.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
      const u = get();
      if (step === undefined || !u) return;
      event.preventDefault();
      const last = u.data[0].length - 1;
      const at = u.cursor.idx === null || u.cursor.idx === undefined ? (step < 0 ? last + 1 : -1) : u.cursor.idx;
      const index = Math.max(0, Math.min(last, at + step));
      u.setCursor({ left: u.valToPos(u.data[0][index], 'x'), top: u.bbox.height / devicePixelRatio / 2 });
    });
    plot.addEventListener('blur', () => get() && get().setCursor({ left: -10, top: -10 }));
  }

  // Who points at nothing reads the newest values, each series' own: evaluations are rarer than iterations.
  const readNewest = u => u.setLegend({ idxs: u.data.map(column => {
    let last = column.length - 1;
    while (last > 0 && (column[last] === null || column[last] === undefined)) last--;
    return last;
  }) }, false);
  const pointsAtNothing = u => u.cursor.idx === null || u.cursor.idx === undefined;
  const newest = { setCursor: [u => pointsAtNothing(u) && readNewest(u)], ready: [readNewest] };

  function describe(lines) {
    return lines.map(line => {
      const values = line.y.filter(value => value !== null);
      return line.label + ' from ' + number(values[0]) + ' to ' + number(values[values.length - 1]);
    }).join('; ') + '.';
  }

  // Shows what has come since; what was zoomed into stays so.
  function grow(u, data) {
    const x = u.data[0];
    const zoomed = u.scales.x.min > x[0] || u.scales.x.max < x[x.length - 1];
    u.setData(data, !zoomed);
    if (pointsAtNothing(u)) readNewest(u);
  }

  function lineChart(parent, chart, runs) {
    const lines = linesOf(chart, runs);
    if (!lines.length) return null;
    const plot = figure(parent, chart.title, chart.unit, describe(lines));
    const isDense = line => present(line.y) > 60 && present(line.y) > line.y.length / 2;
    const shape = () => lines.map(line => isDense(line) + ' ' + (present(line.y) > 30) + (present(line.y) > 60)).join();
    // Copies: what is drawn may not grow by itself.
    const tables = () => uPlot.join(lines.flatMap(line => {
      const x = line.x.slice();
      if (!isDense(line)) return [[x, line.y.slice()]];
      return runs.length === 1 ? [[x, line.y.slice()], [x, smoothed(line.y)]] : [[x, smoothed(line.y)]];
    }));
    let u = null;
    let drawnAs = '';
    const draw = () => {
      if (u) u.destroy();
      drawnAs = shape();
      const series = [{ label: 'iteration', value: (v, x) => x === null ? '–' : number(x) }];
      lines.forEach(line => {
        const points = present(line.y);
        const dense = isDense(line);
        const stroke = colour(line.colour);
        if (dense && runs.length === 1) {
          series.push({ label: line.label, stroke, width: 1, alpha: 0.4, points: { show: false }, value: (v, y) => number(y) });
        }
        series.push({
          label: line.label, class: dense && runs.length === 1 ? 'u-smoothed' : 'u-single',
          stroke, width: 2, dash: line.dash, spanGaps: true,
          points: { show: points <= 60, size: points > 30 ? 4 : 6, fill: stroke, width: 0 },
          value: (v, y) => number(y),
        });
      });
      u = new uPlot({
        width: plot.clientWidth || 340, height: 190, series, axes: axes(chart.unit),
        scales: { x: { time: false }, y: { range } },
        cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 }, sync: { key: 'iterations' } }, hooks: newest,
        legend: { live: true, markers: { width: 0, fill: (v, s) => s ? series[s].stroke : 'transparent' } },
      }, tables(), plot);
    };
    keys(plot, () => u);
    draw();
    const update = () => {
      plot.setAttribute('aria-label', chart.title + '. ' + describe(lines));
      if (shape() === drawnAs) grow(u, tables());
      else draw();
    };
    const made = { plot, draw, update, destroy: () => { u.destroy(); u = null; }, width: plot.clientWidth };
    drawn.push(made);
    return made;
  }

  // Parts of a whole, one upon the other.
  function stackedChart(parent, chart, runs) {
    const run = runs[0];
    const parts = Object.keys(chart.keys).filter(key => present(run.columns[key]));
    if (!parts.length) return null;
    const total = key => run.columns[key].reduce((sum, value) => sum + (value || 0), 0);
    parts.sort((a, b) => total(b) - total(a));
    const words = () => {
      const whole = parts.reduce((sum, key) => sum + total(key), 0);
      return parts.map(key => chart.keys[key] + ' ' + Math.round(100 * total(key) / (whole || 1)) + ' %').join('; ') + '.';
    };
    const title = chart.title + (runs.length > 1 ? ', ' + run.name : '');
    const plot = figure(parent, title, chart.unit, words());
    const shown = parts.slice(0, 7);
    const rest = parts.slice(7);
    const labels = shown.map(key => chart.keys[key]);
    if (rest.length) labels.push(rest.length + ' others');
    const order = labels.map((label, k) => labels.length - 1 - k); // the tallest is painted first
    let raw = [];
    let from = 0;
    const stack = () => {
      raw = shown.map(key => run.columns[key].map(value => value || 0));
      if (rest.length) {
        raw.push(run.columns.iteration.map((x, i) => rest.reduce((sum, key) => sum + (run.columns[key][i] || 0), 0)));
      }
      from = run.columns.iteration[0] === 0 && raw.every(column => column[0] === 0) ? 1 : 0;
      const sums = [];
      raw.forEach((column, k) => sums.push(column.map((value, i) => value + (k ? sums[k - 1][i] : 0))));
      return [run.columns.iteration.slice(from), ...order.map(k => sums[k].slice(from))];
    };
    let u = null;
    let asBars = false;
    const draw = () => {
      if (u) u.destroy();
      const data = stack();
      asBars = data[0].length < 120;
      const series = [{ label: 'iteration', value: (v, x) => x === null ? '–' : number(x) }];
      order.forEach(k => series.push({
        label: labels[k], stroke: colour(k), fill: colour(k), width: 0, points: { show: false },
        value: (v, y, s, i) => i === null ? '–' : number(raw[k][i + from]),
      }));
      const paths = asBars ? uPlot.paths.bars({ size: [1, 100], gap: 0 }) : undefined;
      series.slice(1).forEach(line => { if (paths) line.paths = paths; });
      u = new uPlot({
        width: plot.clientWidth || 340, height: 190, series, axes: axes(chart.unit),
        scales: { x: { time: false }, y: { range: (v, least, most) => [0, most * 1.05 || 1] } },
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false }, sync: { key: 'iterations' } }, hooks: newest,
        legend: { live: true, markers: { width: 0, fill: (v, s) => s ? series[s].stroke : 'transparent' } },
      }, data, plot);
    };
    keys(plot, () => u);
    draw();
    const update = () => {
      plot.setAttribute('aria-label', title + '. ' + words());
      const data = stack();
      if (data[0].length < 120 === asBars) grow(u, data);
      else draw();
    };
    const made = { plot, draw, update, destroy: () => { u.destroy(); u = null; }, width: plot.clientWidth };
    drawn.push(made);
    return made;
  }

  // A small number that is the same at every drawing.
  const jitter = index => { const x = Math.sin(index * 12.9898) * 43758.5453; return x - Math.floor(x) - 0.5; };

  function scatter(parent, groups) {
    const all = groups.flatMap(group => group.points);
    if (!all.length) return;
    const rewards = all.map(point => point[1]);
    const height = (Math.max(...rewards) - Math.min(...rewards)) || 1;
    const plot = figure(parent, 'Reward against length in tokens', '', groups.map(group => group.name + ': ' + group.points.length + ' thoughts').join('; ') + '.');
    let u = null;
    const draw = () => {
      if (u) u.destroy();
      const tables = groups.map((group, g) => {
        const points = group.points
          .map((point, i) => [point[0] + 0.7 * jitter(i + 7 * g + 1), point[1] + 0.06 * height * jitter(3 * i + g + 2)])
          .sort((a, b) => a[0] - b[0]);
        return [points.map(point => point[0]), points.map(point => point[1])];
      });
      const series = [{ label: 'tokens', value: (v, x) => x === null ? '–' : number(Math.round(x)) }];
      groups.forEach((group, g) => series.push({
        label: group.name, stroke: colour(g), paths: () => null,
        points: { show: true, size: 5, fill: colour(g), width: 0 }, alpha: 0.55, value: () => '',
      }));
      u = new uPlot({
        width: plot.clientWidth || 340, height: 300, series, axes: axes(''),
        scales: { x: { time: false, range }, y: { range } },
        cursor: { show: false }, legend: { live: false, markers: { width: 0, fill: (v, s) => s ? series[s].stroke : 'transparent' } },
      }, uPlot.join(tables), plot);
    };
    draw();
    drawn.push({ plot, draw, width: plot.clientWidth });
  }

  const chartOf = (parent, chart, runs) => chart.stacked ? stackedChart(parent, chart, runs) : lineChart(parent, chart, runs);

  // What is taken off the page is not drawn again.
  function forget(charts) {
    charts.forEach(chart => {
      const place = drawn.indexOf(chart);
      if (place < 0) return;
      drawn.splice(place, 1);
      chart.destroy();
    });
  }

  function redraw() { drawn.forEach(chart => { chart.width = chart.plot.clientWidth; chart.draw(); }); }

  function watchWidthAndTheme() {
    let waiting = 0;
    addEventListener('resize', () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => drawn.forEach(chart => {
        if (chart.plot.clientWidth !== chart.width) { chart.width = chart.plot.clientWidth; chart.draw(); }
      }));
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    const button = document.getElementById('theme');
    if (button) {
      button.hidden = false;
      button.addEventListener('click', () => {
        const root = document.documentElement;
        const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
        root.dataset.theme = dark ? 'light' : 'dark';
        redraw();
      });
    }
  }

  function further(data) {
    const used = new Set(['iteration', ...data.charts.flatMap(chart => Object.keys(chart.keys))]);
    const known = new Set(data.runs.flatMap(run => Object.keys(run.columns)));
    return [...known].filter(key => !used.has(key)).map(key => ({ title: key, unit: '', keys: { [key]: key } }));
  }

  function report() {
    const data = JSON.parse(document.getElementById('data').textContent);
    const place = document.getElementById('charts');
    data.charts.forEach(chart => chartOf(place, chart, data.runs));
    if (!place.children.length) place.replaceWith(element('p', {}, 'There is nothing to draw yet.'));
    const more = document.getElementById('more');
    const left = further(data);
    if (!left.length) more.hidden = true;
    more.addEventListener('toggle', () => left.forEach(chart => chartOf(more.lastElementChild, chart, data.runs)), { once: true });
    const points = document.getElementById('scatter');
    if (points) scatter(points, data.lengths);
    const thoughts = document.getElementById('thoughts');
    if (thoughts) thoughts.append(StrawberryTree.choice(data.trees));
    watchWidthAndTheme();
  }

  return { report, chartOf, scatter, further, forget, watchWidthAndTheme, element, number };
})();
if (document.getElementById('data')) Strawberry.report();
