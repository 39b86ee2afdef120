/* The frame in the browser: addresses, navigation, pickers, notices, keys. Pages add their own functions beside it. */
(function () {
  "use strict";

  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const LOCATION = "_pages_location";
  const states = {}; // state store id -> its newest value, for links that change one thing of it
  const displays = {}; // state store id -> what says how the page is drawn

  const noUpdate = () => clientside.no_update;

  function search(parameters) {
    const query = new URLSearchParams();
    Object.keys(parameters)
      .sort()
      .forEach((name) => {
        [].concat(parameters[name]).forEach((value) => {
          if (value !== null && value !== undefined && value !== "") {
            query.append(name, value);
          }
        });
      });
    const text = query.toString().replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%40/g, "@").replace(/\+/g, "%20");
    return text ? "?" + text : "";
  }

  function same(left, right) {
    return JSON.stringify(left, Object.keys(left).sort()) === JSON.stringify(right, Object.keys(right).sort());
  }

  function changed(state, changes) {
    const next = { ...state, ...changes };
    Object.keys(next).forEach((name) => {
      const value = next[name];
      if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) {
        delete next[name];
      } else if (Array.isArray(value) && value.length === 1) {
        next[name] = value[0];
      }
    });
    return next;
  }

  function navigate(href) {
    const url = new URL(href, window.location.href);
    window.history.pushState({}, "", url.href);
    closeMenu();
    // Told directly: after the address was rewritten in place, Dash's location would not see that it is to show it anew.
    clientside.set_props(LOCATION, { pathname: url.pathname, search: url.search, hash: url.hash, href: url.href });
    window.scrollTo(0, 0);
    const content = document.getElementById("content");
    if (content) {
      content.focus({ preventScroll: true });
    }
  }

  /* A text of our own in the person's language; the server writes them into the page, see layouts/shell.py. */
  function word(name) {
    const holder = document.querySelector("[data-words]");
    return (holder && JSON.parse(holder.dataset.words)[name]) || name;
  }

  /* The same address again, in the other language; what the page shows is in the address. */
  function speak(language) {
    const secure = window.location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `vitrine-language=${language}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    window.location.reload();
  }

  /* A late answer of a page that was left must not touch the next one's address. */
  function writeAddress(store) {
    const page = store.replace(/-state$/, "");
    const path = window.location.pathname;
    if (!states[store] || (path !== "/" + page && !(page === "overview" && path === "/"))) {
      return noUpdate();
    }
    const next = search({ ...states[store], ...displays[store] });
    if (next !== window.location.search) {
      window.history.replaceState(window.history.state, "", path + next);
    }
    return next;
  }

  /* Parameters that only say how a page is drawn: they stand in its address, but to change them asks for nothing. */
  function display(store, parameters) {
    displays[store] = { ...displays[store], ...parameters };
    writeAddress(store);
  }

  function closeMenu() {
    document.documentElement.classList.remove("menu-open");
    const button = document.getElementById("shell-menu");
    if (button) {
      button.setAttribute("aria-expanded", "false");
    }
  }

  function ours(anchor) {
    const away = anchor.target && anchor.target !== "_self";
    if (away || anchor.hasAttribute("download") || anchor.origin !== window.location.origin) {
      return false;
    }
    return !/^\/(media|vendor|assets|_|api|healthz|export)/.test(anchor.pathname) && !anchor.getAttribute("href").startsWith("#");
  }

  document.addEventListener(
    "click",
    (event) => {
      if (event.target.closest("[data-close-menu]")) {
        closeMenu();
      }
      const language = event.target.closest("button[data-language]");
      if (language && language.getAttribute("aria-pressed") !== "true") {
        speak(language.dataset.language);
        return;
      }
      const anchor = event.target.closest("a[href]");
      if (!anchor || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
        return;
      }
      if (!ours(anchor)) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      const store = anchor.dataset.state;
      if (store && states[store]) {
        clientside.set_props(store, { data: changed(states[store], { page: anchor.dataset.page }) });
        window.scrollTo({ top: 0 });
      } else {
        navigate(anchor.href);
      }
    },
    true,
  );

  function typing(target) {
    return target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable], [role=slider], [role=combobox]");
  }

  function walkGallery(event, card) {
    const cards = Array.from(card.closest(".gallery").querySelectorAll(".sample-card"));
    const place = cards.indexOf(card);
    const top = card.getBoundingClientRect().top;
    const columns = Math.max(cards.filter((other) => Math.abs(other.getBoundingClientRect().top - top) < 4).length, 1);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const next = event.key === "Home" ? 0 : event.key === "End" ? cards.length - 1 : place + (steps[event.key] || 0);
    if (next !== place && cards[next]) {
      event.preventDefault();
      cards[next].focus();
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeMenu();
    }
    if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey) {
      return;
    }
    const card = event.target.closest(".gallery .sample-card");
    if (card && ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
      walkGallery(event, card);
      return;
    }
    const bound = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    if (bound) {
      event.preventDefault();
      bound.click();
    } else if (event.key === "/") {
      const box = document.querySelector("main input[type=search]");
      if (box) {
        event.preventDefault();
        box.focus();
      }
    }
  });

  document.addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLImageElement) {
        event.target.classList.add("image-missing");
      }
    },
    true,
  );

  function showNotice(notice) {
    const box = document.getElementById("shell-toasts");
    if (!notice || !box) {
      return noUpdate();
    }
    const toast = document.createElement("div");
    toast.className = `notice notice-${notice.kind}`;
    const text = document.createElement("span");
    text.textContent = notice.text;
    const close = document.createElement("button");
    close.className = "ghost-button icon icon-x";
    close.setAttribute("aria-label", word("close"));
    close.addEventListener("click", () => toast.remove());
    toast.append(text, close);
    box.append(toast);
    window.setTimeout(() => toast.remove(), notice.kind === "danger" ? 12000 : 6000);
    return noUpdate();
  }

  const shell = {
    /* Keeps the address equal to a page's state. */
    writeUrl(state) {
      const store = clientside.callback_context.inputs_list[0].id;
      states[store] = state || {};
      return writeAddress(store);
    },

    pick(dataset, model, context) {
      if (!context || (dataset === context.dataset && model === context.model)) {
        return noUpdate();
      }
      const given = new URLSearchParams(window.location.search);
      if (dataset !== context.dataset && dataset) {
        navigate(window.location.pathname + search({ dataset, ...(given.get("colour") ? { colour: given.get("colour") } : {}) }));
      } else if (model && model !== context.model) {
        const kept = {};
        for (const name of new Set(given.keys())) {
          kept[name] = given.getAll(name);
        }
        if (kept.other && kept.other[0] === model) {
          // The two change places, for a version beside itself tells nothing; the samples stay the same.
          const turned = { fixed: "broken", broken: "fixed" };
          kept.other = context.model;
          kept.compared = (kept.compared || []).map((name) => turned[name] || name);
        }
        delete kept.projection;
        delete kept.camera;
        delete kept.page;
        navigate(window.location.pathname + search({ ...kept, dataset, model }));
      }
      return noUpdate();
    },

    go(href) {
      if (href) {
        navigate(href);
      }
      return noUpdate();
    },

    setPerson(value) {
      return (value || "").trim().slice(0, 64) || "guest";
    },

    showPerson(_time, person) {
      return person && person !== "guest" ? person : "";
    },

    toggleTheme(clicks) {
      return clicks ? window.vitrineTheme.toggle() : document.documentElement.dataset.bsTheme;
    },

    toggleMenu() {
      return String(document.documentElement.classList.toggle("menu-open"));
    },

    showNotice,
  };

  window.vitrine = { changed, display, navigate, noUpdate, same, search, states, word };
  clientside.vitrine = Object.assign(clientside.vitrine || {}, shell);
})();
