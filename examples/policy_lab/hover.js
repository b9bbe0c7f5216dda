// Shows what every law was doing at the moment under the pointer, and hides laws that are not
// wanted. The page says everything without it, but not as fast.
(() => {
  const { end, left, right, width, laws } =
    JSON.parse(document.getElementById('paths').textContent);
  const rows = [...document.querySelectorAll('.law')];
  const svgs = [...document.querySelectorAll('.three svg')];
  const space = 'http://www.w3.org/2000/svg';
  const cursors = svgs.map(svg => {
    const line = document.createElementNS(space, 'line');
    const set = { y1: 8, y2: svg.getAttribute('height') - 22, stroke: '#0f172a', opacity: 0 };
    Object.entries(set).forEach(([name, value]) => line.setAttribute(name, value));
    svg.append(line);
    return line;
  });
  const time = us => us === 0 ? '0' : us < 1000 ? us + ' µs'
    : us < 1e6 ? (us / 1e3).toPrecision(3) + ' ms' : (us / 1e6).toPrecision(3) + ' s';
  const show = event => {
    const svg = event.target.closest('.three svg');
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * width / box.width;
    const part = Math.min(Math.max((x - left) / (width - left - right), 0), 0.9999);
    const at = left + part * (width - left - right);
    cursors.forEach(line => {
      line.setAttribute('x1', at);
      line.setAttribute('x2', at);
      line.setAttribute('opacity', 0.5);
    });
    rows.forEach(row => {
      const law = laws[row.dataset.law];
      if (!law) return;
      const i = Math.floor(part * law.workers.length);
      const why = law.why.filter(([moment]) => moment <= part * end).pop();
      row.querySelector('.readout').textContent =
        `${(part * end).toFixed(1)} s: ${law.workers[i]} workers, ${law.busy[i]} busy, ` +
        `${law.queued[i]} waiting, longest wait ${time(law.wait_us[i])}` +
        (law.demand ? `, demand ${law.demand[i]}` : '') +
        (why ? `; last: ${why[1]} at ${why[0].toFixed(1)} s` : '');
    });
  };
  document.addEventListener('pointermove', show);
  const chips = document.querySelector('.chips');
  chips.hidden = false;
  chips.addEventListener('change', event => {
    rows.filter(row => row.dataset.law === event.target.dataset.law)
      .forEach(row => { row.hidden = !event.target.checked; });
  });
})();
