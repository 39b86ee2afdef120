/* Feedback, Compare and Jobs in the browser: controls to state, the log's table, doors from charts to samples. */
(function () {
  "use strict";

  const { changed, navigate, noUpdate, same, search, word } = window.vitrine;
  const pages = (window.dash_clientside.pages = window.dash_clientside.pages || {});
  const triggered = () => window.dash_clientside.callback_context.triggered[0] || {};
  const part = () => {
    const { prop_id: id, value } = triggered();
    return id && value && id.startsWith("{") ? JSON.parse(id.slice(0, id.lastIndexOf("."))) : null;
  };
  const stated = (state, changes) => {
    const next = changed(state || {}, changes);
    return same(next, changed(state || {}, {})) ? noUpdate() : next;
  };

  const ANY = "(any)";
  pages.feedbackState = (...values) => {
    const state = values.pop();
    const standing = values.pop() ? "1" : "";
    const [scope, person, kind, label, version] = values.map((value) => (value === ANY ? "" : value));
    return stated(state, { scope, person, kind, class: label, version, standing });
  };

  pages.feedbackRefresh = () => {
    if (window.dash_ag_grid) {
      window.dash_ag_grid.getApiAsync("feedback-grid").then((grid) => grid.purgeInfiniteCache());
    }
    return noUpdate();
  };

  pages.compareState = (a, b, split, _swap, state) => {
    if (triggered().prop_id === "compare-swap.n_clicks") {
      if (a && b) {
        window.dash_clientside.set_props("compare-a", { value: b });
        window.dash_clientside.set_props("compare-b", { value: a });
      }
      return noUpdate();
    }
    return a && b && split ? stated(state, { model: a, other: b, split }) : noUpdate();
  };

  pages.compareOpen = (_classes, _a, _b, _difference, state) => {
    const { prop_id: id, value: click } = triggered();
    const point = click && click.points && click.points[0];
    if (!point || !state) {
      return noUpdate();
    }
    const graph = id.split(".")[0];
    const here = { dataset: state.dataset, model: state.model, other: state.other };
    if (state.split !== "all") {
      here.split = state.split;
    }
    if (graph === "compare-classes") {
      return leave({ ...here, label: point.y });
    }
    // What moved is looked at in the version that has more of it.
    const inB = graph === "compare-confusion-b" || (graph === "compare-confusion-difference" && point.z > 0);
    const versions = inB ? { model: state.other, other: state.model } : {};
    return leave({ ...here, ...versions, label: point.y, prediction: point.x });
  };

  function leave(parameters) {
    const address = "/browse" + search(parameters);
    window.setTimeout(() => navigate(address), 0);
    return address;
  }

  pages.jobsAction = () => {
    const button = part();
    return button ? { kind: button.type === "jobs-cancel" ? "cancel" : "resume", job: button.job, at: Date.now() } : noUpdate();
  };

  pages.jobsState = (_clicks, state) => {
    const button = part();
    if (!button) {
      return noUpdate();
    }
    const open = String(button.job);
    return changed(state || {}, { job: state && state.job === open ? "" : open });
  };

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const element = (...parts) => window.React.createElement(...parts);
  const icon = (name) => element("span", { className: `icon icon-${name}`, "aria-hidden": "true" });
  const kinds = { confirm: "check2-circle", relabel: "tag", flag: "flag-fill", verdict: "eye", tag: "bookmark", comment: "chat-left-text", undo: "arrow-counterclockwise" };

  cells.FeedbackWhat = (cell) =>
    cell.data
      ? element("span", { className: "cell-what" + (cell.data.undone ? " is-undone" : "") }, icon(kinds[cell.data.kind]), element("span", null, cell.value))
      : "…";
  cells.FeedbackUndo = (cell) =>
    cell.data && cell.value
      ? element(
          "button",
          {
            className: "btn btn-sm btn-outline-secondary",
            onClick: () => window.dash_clientside.set_props("feedback-undo", { data: { event: cell.value, at: Date.now() } }),
            title: `${word("undo")}: ${cell.data.what}, ${cell.data.sample_id}`,
          },
          icon("arrow-counterclockwise"),
          element("span", null, word("undo")),
        )
      : null;
})();
