// Draws the charts of a page: fetches specification and data from the API, draws them with Vega.
// Runs under a policy without inline styles and without eval: expressions are interpreted (ast),
// Vega's own style sheet and tooltip are left out.

const script = document.getElementById("chart-script");
let vega;

async function draw(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  vega ??= import(script.dataset.vega);
  const [{ vegaEmbed }, response] = await Promise.all([
    vega,
    fetch(place.dataset.chart, { headers: { Accept: "application/json" } }),
  ]);
  if (!response.ok) return;
  const chart = await response.json();
  const canvas = document.createElement("div");
  canvas.setAttribute("aria-hidden", "true");
  place.replaceChildren(canvas);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const { view } = await vegaEmbed(canvas, forScreen(chart.specification, place, dark), {
    ast: true,
    defaultStyle: false,
    tooltip: false,
    actions: false,
    renderer: "svg",
  });
  tellPoints(view, place);
  offerPicture(view, place);
}

// The title stands as the headline above the picture on the page, so the picture leaves it out.
function forScreen(specification, place, dark) {
  const spec = structuredClone(specification);
  delete spec.title;
  spec.width = place.clientWidth;
  if (dark) {
    const ink = getComputedStyle(place).color;
    spec.config.axis = { ...spec.config.axis, labelColor: ink, titleColor: ink };
    spec.config.legend = { ...spec.config.legend, labelColor: ink };
  }
  return spec;
}

// A tooltip of our own: Vega's needs a style sheet that the policy forbids.
function tellPoints(view, place) {
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  document.body.append(tip);
  view.addEventListener("mousemove", (event, item) => {
    const text = item?.datum?.tip;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = `${event.pageX + 12}px`;
    tip.style.top = `${event.pageY + 12}px`;
  });
  view.addEventListener("mouseout", () => (tip.hidden = true));
  place.addEventListener("mouseleave", () => (tip.hidden = true));
}

function offerPicture(view, place) {
  const button = place.closest("figure")?.querySelector("[data-save-chart]");
  if (!button) return;
  button.hidden = false;
  button.onclick = async () => {
    const svg = await view.toSVG();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    link.download = `${button.dataset.saveChart}.svg`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
}

function drawAll() {
  for (const place of document.querySelectorAll("[data-chart]")) draw(place);
}

drawAll();
document.addEventListener("htmx:afterSettle", drawAll);
document.addEventListener("htmx:historyRestore", () => {
  for (const place of document.querySelectorAll("[data-chart]")) delete place.dataset.drawn;
  drawAll();
});
