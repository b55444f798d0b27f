// The documentation: the language of samples, the search box, and trying a call
// with a test key.
(() => {
  "use strict";

  const root = () => document.querySelector("[data-docs]");

  /* The language of samples is the reader's choice on every page. One that the
     address names goes before it. */

  const KEPT = "sample-language";

  function keptLanguage() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  }

  function keepLanguage(language) {
    try {
      localStorage.setItem(KEPT, language);
    } catch {
      /* private window: the choice holds for this page */
    }
  }

  function languages(Alpine) {
    const known = new Set(["curl", "go", "javascript", "python", "php"]);
    const asked = root() && root().dataset.code;
    if (asked) keepLanguage(asked);
    const kept = keptLanguage();
    Alpine.store("sample", {
      language: asked || (known.has(kept) ? kept : "curl"),
      pick(language) {
        this.language = language;
        keepLanguage(language);
      },
    });
    Alpine.data("sample", () => ({
      pick(language) {
        const before = this.$root.getBoundingClientRect().top;
        this.$store.sample.pick(language);
        // Samples above this one change their height too; it stays under the pointer.
        this.$nextTick(() => scrollBy({ top: this.$root.getBoundingClientRect().top - before, behavior: "instant" }));
      },
    }));
  }

  /* A click on a heading's sign copies its address (app.js) and goes there. */

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest("[data-anchor]");
    if (anchor) history.replaceState(history.state, "", anchor.getAttribute("href"));
  });

  document.addEventListener("click", (event) => {
    const fold = event.target.closest(".docs-fold a") && document.querySelector(".docs-fold");
    if (fold) fold.open = false;
  });

  /* Search: the headings with the beginnings of their texts. The server searches
     all of the text. */

  const MOST_HITS = 8;

  // As the server folds: small letters without marks, one for each.
  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[Iı]/g, "i").toLowerCase();

  const isWord = (letter) => /[\p{L}\p{N}_]/u.test(letter);

  function begins(text, letters) {
    for (let i = text.indexOf(letters); i >= 0; i = text.indexOf(letters, i + 1)) {
      if (i === 0 || !isWord(text[i - 1]) || !isWord(letters[0])) return true;
    }
    return false;
  }

  function score(entry, words) {
    let sum = 0;
    for (const word of words) {
      let here = 0;
      if (begins(entry.folded.section, word)) here += 12;
      if (begins(entry.folded.title, word)) here += entry.section ? 8 : 14;
      if (begins(entry.folded.text, word)) here += 1;
      if (!here) return 0;
      sum += here;
    }
    return sum + (begins(entry.folded.section || entry.folded.title, words.join(" ")) ? 20 : 0);
  }

  function search() {
    let entries = null;
    return {
      hits: [],
      at: 0,
      open: false,
      all: "/developers",
      get active() {
        return this.open && this.hits.length ? this.hits[this.at].id : null;
      },
      async load() {
        if (entries) return;
        entries = [];
        try {
          const response = await fetch(this.$root.dataset.index);
          if (!response.ok) throw new Error(response.status);
          entries = await response.json();
          for (const e of entries) e.folded = { title: fold(e.title), section: fold(e.section), text: fold(e.text) };
          if (document.activeElement === this.$refs.box) this.typed();
        } catch {
          entries = null; // the next focus tries again; the form works meanwhile
        }
      },
      typed() {
        const query = this.$refs.box.value.trim();
        const words = fold(query).split(/\s+/).filter(Boolean);
        this.all = this.$root.getAttribute("action") + "?q=" + encodeURIComponent(query);
        this.at = 0;
        this.hits = (words.length && entries ? entries : [])
          .map((e) => ({ e, score: score(e, words) }))
          .filter((found) => found.score)
          .sort((a, b) => b.score - a.score)
          .slice(0, MOST_HITS)
          .map(({ e }, i) => ({ id: "docs-hit-" + i, url: e.url, section: e.section || e.title, title: e.section ? e.title : "", text: e.text }));
        this.open = words.length > 0 && entries !== null && entries.length > 0;
      },
      key(event) {
        if (event.key === "Escape" && this.open) {
          event.preventDefault();
          this.open = false;
        }
        if (!this.open || !this.hits.length) return;
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step) {
          event.preventDefault();
          this.at = (this.at + step + this.hits.length) % this.hits.length;
          this.$nextTick(() => document.getElementById(this.active).scrollIntoView({ block: "nearest" }));
        }
        if (event.key === "Enter" && !event.isComposing) {
          event.preventDefault();
          document.getElementById(this.active).click();
        }
      },
      close() {
        this.open = false;
        this.$refs.box.blur();
      },
      left(event) {
        if (!this.$root.contains(event.relatedTarget)) this.open = false;
      },
      stay() {}, // the focus stays in the box
    };
  }

  /* Trying a call. The key is in this closure and nowhere else: not in an element,
     not in storage, not in an address. It is gone with the page. */

  let key = "";

  const WHOLE = /^np_test_[0-9A-Za-z]{49}$/;

  function trialKey() {
    return {
      ready: false,
      shown: "",
      take(text) {
        key = text;
        this.ready = true;
        this.shown = text.slice(0, 12) + "…";
      },
      forget() {
        key = "";
        this.ready = false;
        this.shown = "";
      },
    };
  }

  // What is wrong with what was pasted: "" is nothing yet.
  function wrong(text) {
    if (/np_live/i.test(text)) return "live";
    return "np_test_".startsWith(text.slice(0, 8)) && text.length < 57 ? "" : "other";
  }

  const WORTH_SEEING = ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-DeniedBy", "Retry-After", "ETag"];
  const MOST_SHOWN = 20000; // characters of an answer

  // The request for a shell, with the placeholder in place of the key.
  function curlOf(endpoint, fields) {
    const words = ["curl " + endpoint, "-d key=YOUR_API_KEY"];
    for (const [name, value] of fields) {
      words.push(/^[\w.,-]*$/.test(value) ? `-d ${name}=${value}` : `--data-urlencode '${name}=${value.replaceAll("'", "'\\''")}'`);
    }
    return words.join(" \\\n  ");
  }

  function formatted(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  // Marks JSON with the classes that colour the other samples.
  function coloured(text) {
    const all = document.createDocumentFragment();
    const add = (className, part) => {
      if (!part) return;
      const span = document.createElement("span");
      span.className = className;
      span.textContent = part;
      all.append(span);
    };
    let end = 0;
    for (const found of text.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g)) {
      add("p", text.slice(end, found.index));
      if (found[1]) {
        add(found[2] ? "n" : "s", found[1]);
        add("p", found[2]);
      } else {
        add(/^[tfn]/.test(found[0]) ? "k" : "m", found[0]);
      }
      end = found.index + found[0].length;
    }
    add("p", text.slice(end));
    return all;
  }

  function trial() {
    return {
      problem: "",
      busy: false,
      failed: false,
      status: "",
      kind: "",
      took: "",
      headers: [],
      cut: false,
      curl: "",
      typed() {
        const box = this.$refs.key;
        const text = box.value.trim();
        if (WHOLE.test(text)) {
          this.problem = "";
          this.$store.trial.take(text);
          box.value = "";
          return;
        }
        this.problem = wrong(text);
        if (this.problem === "live") box.value = "";
      },
      forget() {
        this.$store.trial.forget();
        this.$nextTick(() => this.$refs.key.focus());
      },
      fields() {
        const all = [["action", this.$root.dataset.action]];
        if (this.$root.dataset.action === "add") all.push(["request_id", "try-" + crypto.randomUUID()]);
        for (const box of this.$root.querySelectorAll("[data-field]")) {
          if (box.value.trim() !== "") all.push([box.dataset.field, box.value]);
        }
        return all;
      },
      async send() {
        if (this.busy) return;
        if (!this.$store.trial.ready) {
          this.problem = this.$refs.key.value.trim() === "" ? this.problem || "missing" : "other";
          this.$refs.key.focus();
          return;
        }
        const fields = this.fields();
        this.busy = true;
        this.failed = false;
        const began = performance.now();
        try {
          const response = await fetch("/api/v2", {
            method: "POST",
            body: new URLSearchParams([["key", key], ...fields]),
            credentials: "omit",
            cache: "no-store",
            redirect: "error",
          });
          const text = formatted(await response.text());
          this.show(response, text, Math.round(performance.now() - began));
          this.curl = curlOf(root().dataset.endpoint, fields);
        } catch {
          this.failed = true;
          this.status = "";
        }
        this.busy = false;
      },
      show(response, text, milliseconds) {
        this.status = `${response.status} ${response.statusText}`.trim();
        this.kind = response.ok ? "ok" : "refused";
        this.took = `${milliseconds} ms`;
        this.headers = WORTH_SEEING.filter((name) => response.headers.has(name)).map((name) => ({ name: name + ":", value: response.headers.get(name) }));
        this.cut = text.length > MOST_SHOWN;
        this.$refs.answer.replaceChildren(coloured(text.slice(0, MOST_SHOWN)));
      },
    };
  }

  document.addEventListener("alpine:init", () => {
    const Alpine = window.Alpine;
    languages(Alpine);
    Alpine.data("docsSearch", search);
    Alpine.store("trial", trialKey());
    Alpine.data("trial", trial);
    // A page that is left may be kept whole, to come back to.
    addEventListener("pagehide", () => {
      Alpine.store("trial").forget();
      for (const box of document.querySelectorAll("[data-secret]")) box.value = "";
    });
  });
})();
