/* Browse in the browser: controls to state, the table's order, the table's cells. */
(function () {
  "use strict";

  const { changed, noUpdate, same } = window.vitrine;
  const GRID = "browse-grid";

  function withGrid(act) {
    if (window.dash_ag_grid) {
      window.dash_ag_grid.getApiAsync(GRID).then(act);
    }
  }

  /* On a narrow screen the samples come first; whoever wants the filters opens them. */
  function foldFilters() {
    const filters = document.getElementById("browse-filters");
    if (filters && !filters.dataset.placed) {
      filters.dataset.placed = "1";
      filters.open = window.innerWidth >= 992;
    }
  }

  /* What the controls of the metadata columns ask for. A column has no others than those that are shown. */
  function metadataFilters(controls, names) {
    const asked = {};
    controls.forEach(({ id, value }) => {
      const chosen = value === null || value === undefined ? "" : value;
      asked[`${id.part}.${names[id.place]}`] = Array.isArray(chosen) ? chosen : String(chosen);
    });
    return asked;
  }

  const browse = {
    browseState(...values) {
      const [text, outcome, split, label, prediction, confidence, feedback, sort, descending, size, view] = values;
      const [state, names] = values.slice(-2);
      const controls = window.dash_clientside.callback_context.inputs_list.at(-1);
      const [low, high] = confidence || [0, 1];
      const filters = {
        text,
        outcome: outcome === "all" ? "" : outcome,
        split,
        label,
        prediction,
        feedback: feedback === "all" ? "" : feedback,
        low: low > 0 ? String(low) : "",
        high: high < 1 ? String(high) : "",
        sort: sort === "row" ? "" : sort,
        descending: descending === "1" ? "1" : "",
        size: size === "m" ? "" : size,
        view: view === "gallery" ? "" : view,
        ...metadataFilters(names ? controls : [], names),
      };
      const next = changed(state || {}, filters);
      const hidden = [view !== "gallery", view !== "table"];
      if (same(next, changed(state || {}, {}))) {
        return [noUpdate(), ...hidden];
      }
      const { view: _before, ...rest } = state || {};
      const { view: _after, ...nextRest } = next;
      if (!same(changed(rest, {}), nextRest)) {
        delete next.page;
      }
      return [next, ...hidden];
    },

    /* The table asks for its rows anew, in the order that the state says. */
    browseRefreshGrid(state) {
      foldFilters();
      withGrid((grid) => {
        const sort = (state && state.sort) || "row";
        grid.applyColumnState({
          state: [{ colId: sort, sort: state && state.descending === "1" ? "desc" : "asc" }],
          defaultState: { sort: null },
        });
        grid.purgeInfiniteCache();
      });
      return noUpdate();
    },

    browseSortFromGrid(request, state) {
      const wanted = request && request.sortModel && request.sortModel[0];
      if (!wanted) {
        return [noUpdate(), noUpdate()];
      }
      const descending = wanted.sort === "desc" ? "1" : "0";
      if (wanted.colId === (state.sort || "row") && descending === (state.descending || "0")) {
        return [noUpdate(), noUpdate()];
      }
      return [wanted.colId, descending];
    },
  };
  window.dash_clientside.vitrine = Object.assign(window.dash_clientside.vitrine || {}, browse);

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const element = (...parts) => window.React.createElement(...parts);

  cells.VitrineThumb = (cell) =>
    cell.data
      ? element(
          "a",
          { href: cell.data.href, className: "cell-thumb", tabIndex: -1, "aria-hidden": "true" },
          element("img", { src: cell.data.thumb, alt: "", loading: "lazy", className: cell.data.tiny ? "pixels" : "" }),
        )
      : null;
  cells.VitrineLink = (cell) => (cell.data ? element("a", { href: cell.data.href, title: cell.value }, cell.value) : "…");
  cells.VitrineOutcome = (cell) =>
    cell.value
      ? element(
          "span",
          { className: `outcome outcome-${cell.value}` },
          element("span", { className: `icon icon-${cell.value === "right" ? "check2" : "x-lg"}`, "aria-hidden": "true" }),
          cell.data.outcome_text,
        )
      : null;
  cells.VitrineShare = (cell) => (cell.value === null || cell.value === undefined ? "—" : (100 * cell.value).toFixed(1) + " %");
})();
