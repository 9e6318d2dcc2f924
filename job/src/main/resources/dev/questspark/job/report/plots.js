// Draws every plot of the page: its Vega specification stands in it as JSON.
for (const plot of document.querySelectorAll(".plot")) {
  const spec = JSON.parse(plot.querySelector("script").textContent);
  const view = new vega.View(vega.parse(spec), { renderer: "svg", container: plot.querySelector("div") });
  view.runAsync();
}
