/* Datasets in the browser: from a bar to its samples. */
(function () {
  "use strict";

  const { navigate, noUpdate, search } = window.vitrine;
  const pages = (window.dash_clientside.pages = window.dash_clientside.pages || {});

  pages.datasetsOpen = (click, state) => {
    const point = click && click.points && click.points[0];
    if (!point || !state) {
      return noUpdate();
    }
    const address = "/browse" + search({ dataset: state.dataset, label: point.y });
    window.setTimeout(() => navigate(address), 0);
    return address;
  };
})();
