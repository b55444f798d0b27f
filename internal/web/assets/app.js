// What the pages do beyond links and forms. Nothing here decides anything: each
// page is right without it.
(() => {
  "use strict";

  const words = (name) => document.body.dataset[name] || "";

  /* Short notices ------------------------------------------------------- */

  function toast(text) {
    const all = document.querySelector("[data-toasts]");
    if (!all || !text) return;
    // Under an open dialog nothing is seen or read out.
    const front = document.querySelector("dialog[open]") || document.body;
    if (all.parentElement !== front) front.append(all);
    const box = document.createElement("div");
    box.className = "toast-box";
    box.textContent = text;
    all.append(box);
    setTimeout(() => box.remove(), 4000);
  }

  /* What htmx asked for and did not get leaves the page as it is: it is told. */

  /* The stream of changes asks again by itself: a page without it is complete. */
  const isLive = (ctx) => Boolean(ctx && ctx.sourceElement && ctx.sourceElement.matches("[data-live]"));

  document.addEventListener("htmx:response:error", (event) => {
    const status = event.detail.ctx.response.status;
    if (status >= 500 && !isLive(event.detail.ctx)) toast(words(status === 503 ? "busy" : "broken"));
  });
  document.addEventListener("htmx:error", (event) => event.detail.ctx && !isLive(event.detail.ctx) && toast(words("busy")));

  /* Who is not signed in any more is led to the sign-in. */
  // Whoever signs out here is on the way elsewhere, and must arrive there.
  document.addEventListener("signed-out", (event) => event.target.matches("[data-live]") && setTimeout(() => location.reload(), 1000));

  document.addEventListener("notice", (event) => toast(event.detail && event.detail.value));

  /* Copying --------------------------------------------------------------
     [data-copy="#id"] copies that element's text, [data-copy-text] its own value. */

  async function copy(button) {
    const from = button.dataset.copy ? document.querySelector(button.dataset.copy) : null;
    const text = from ? (from.value !== undefined ? from.value : from.textContent) : button.dataset.copyText || button.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
      toast(words("copied"));
    } catch {
      const range = document.createRange();
      range.selectNodeContents(from || button);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      toast(words("copyByHand"));
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-text]");
    if (!button) return;
    event.preventDefault();
    copy(button);
  });

  /* Printing ------------------------------------------------------------- */

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  /* One dialog for all pages. A link with hx-target="#dialog-body" fills it; what
     it shows is the page behind the link. */

  const dialog = () => document.getElementById("dialog");

  document.addEventListener("htmx:after:swap", () => {
    const box = dialog();
    const body = document.getElementById("dialog-body");
    if (!box || !body || !body.firstElementChild || box.open) return;
    box.showModal();
    const first = body.querySelector("[autofocus]");
    if (first) first.focus();
  });

  const outside = (box, event) => {
    const edge = box.getBoundingClientRect();
    return (
      event.target === box &&
      (event.clientX < edge.left || event.clientX > edge.right || event.clientY < edge.top || event.clientY > edge.bottom)
    );
  };

  /* What would be lost with the dialog: a value that is shown once, or what was typed. */
  const shownOnce = (box) => box.querySelector("[data-once]") !== null;
  const typed = (box) =>
    [...box.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);

  let pressedOutside = false;

  document.addEventListener("pointerdown", (event) => {
    const box = dialog();
    pressedOutside = box !== null && box.open && outside(box, event);
  });

  document.addEventListener("click", (event) => {
    const box = dialog();
    if (!box || !box.open) return;
    const beside = pressedOutside && outside(box, event) && !shownOnce(box) && !typed(box);
    if (beside || event.target.closest("[data-close]")) {
      event.preventDefault();
      box.close();
    }
  });

  document.addEventListener(
    "cancel",
    (event) => {
      if (event.target === dialog() && shownOnce(event.target)) event.preventDefault();
    },
    true,
  );

  document.addEventListener(
    "close",
    (event) => {
      if (event.target !== dialog()) return;
      const body = document.getElementById("dialog-body");
      const changed = body.querySelector("[data-changed]");
      body.replaceChildren();
      if (changed) location.reload();
    },
    true,
  );

  /* A menu closes when something else is clicked, and by Escape. */

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    keys(event);
  });

  /* Keys: / searches, g with a letter goes, some letters go by themselves. */

  let going = 0;

  function keys(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "/") {
      const box = document.querySelector("[data-search]");
      if (box) {
        event.preventDefault();
        box.focus();
      }
      return;
    }
    if (event.key === "g") {
      going = event.timeStamp;
      return;
    }
    if (going && event.timeStamp - going < 1200) {
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) link.click();
    } else {
      const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
    }
    going = 0;
  }

  /* Passkeys. The server gives options as JSON, in the page or at a path, and takes
     what the browser answers in a field of the form. */

  const canPasskey = () => window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON;
  const bareAddress = () => /^[\d.]+$|^\[/.test(location.hostname);

  async function optionsOf(box) {
    if (box.dataset.options) return JSON.parse(box.dataset.options);
    const answer = await fetch(box.dataset.optionsFrom, { method: "POST" });
    if (!answer.ok) throw new Error("no options");
    return answer.json();
  }

  async function passkey(box, ask) {
    const failed = box.querySelector("[data-passkey-error]");
    failed.hidden = true;
    try {
      const credential = await ask(await optionsOf(box));
      box.querySelector("[name=passkey]").value = JSON.stringify(credential.toJSON());
      box.closest("form").requestSubmit();
    } catch {
      failed.hidden = false;
    }
  }

  const signing = (options) =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
  const making = (options) =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-passkey-get] button, [data-passkey-make] button");
    if (!button) return;
    const box = button.closest("[data-passkey-get], [data-passkey-make]");
    passkey(box, box.matches("[data-passkey-make]") ? making : signing);
  });

  /* What only scripts can do is hidden until they are here. */

  function reveal() {
    if (canPasskey()) {
      const what = bareAddress() ? "[data-passkey-bare]" : "[data-passkey-get], [data-passkey-make]";
      for (const box of document.querySelectorAll(what)) box.hidden = false;
    }
    for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  }

  document.addEventListener("DOMContentLoaded", () => {
    reveal();
    for (const field of document.querySelectorAll("[data-zone]")) {
      field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    }
  });
  document.addEventListener("htmx:after:swap", reveal);

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  /* A select that sends its form at once, where there are scripts. */

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-send]")) event.target.form.requestSubmit();
  });
})();
