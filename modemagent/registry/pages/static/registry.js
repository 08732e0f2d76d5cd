// Enhancement only: copy buttons, keys, focus. Every page works without it.
const status = document.getElementById("status");

function say(text) {
  if (status) status.textContent = text;
}

for (const number of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  const label = `Copy ${number.dataset.copy}`;
  button.type = "button";
  button.className = "plain small no-print";
  button.textContent = label;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(number.textContent.trim());
    button.textContent = "copied";
    say(`${number.dataset.copy} copied`);
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  if (navigator.clipboard) number.after(" ", button);
}

// Keys: only outside fields, never with Ctrl, Alt or Meta.
const sections = { o: "/", f: "/findings", m: "/modems", s: "/sims", g: "/gateways", c: "/check" };
const rows = () => [...document.querySelectorAll("[data-row]")];
let chosen = -1;
let awaits = false;

function choose(step) {
  const found = rows();
  if (!found.length) return;
  found[chosen]?.removeAttribute("data-chosen");
  chosen = Math.max(0, Math.min(found.length - 1, chosen + step));
  found[chosen].setAttribute("data-chosen", "");
  found[chosen].querySelector("a")?.focus();
  found[chosen].scrollIntoView({ block: "nearest" });
}

// Opens a form of this page; returns whether the page has it.
function unfold(id) {
  const form = document.querySelector(`details#${id}`);
  if (!form) return false;
  for (let one = form; one; one = one.parentElement.closest("details")) one.open = true;
  form.querySelector("textarea")?.focus();
  return true;
}

// The form to acknowledge; on a list, a decision about the ticked or the chosen row.
function act() {
  if (unfold("acknowledge")) return;
  const button = document.querySelector("[data-act]");
  const box = rows()[chosen]?.querySelector("[type=checkbox]");
  if (button && box && !button.form.querySelector(":checked")) box.checked = true;
  if (button?.form.querySelector(":checked")) button.click();
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, select, textarea, [contenteditable]");
  if (event.key === "Escape") {
    field?.blur();
    for (const menu of document.querySelectorAll(".menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  if (field || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!("shortcuts" in document.body.dataset)) return;
  const key = event.key;
  if (awaits) {
    awaits = false;
    if (key in sections) {
      event.preventDefault();
      location.assign(sections[key]);
    }
    return;
  }
  if (key === "g") awaits = true;
  else if (key === "/") document.getElementById("search")?.focus();
  else if (key === "j") choose(1);
  else if (key === "k") choose(-1);
  else if (key === "x") rows()[chosen]?.querySelector("[type=checkbox]")?.click();
  else if (key === "a") act();
  else if (key === "d") unfold("authorise");
  else if (key === "?") document.getElementById("keys")?.showModal();
  else return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-keys]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById("keys")?.showModal());
}

// Counts the lines of a field: how many there are, how many differ, which are there twice.
for (const field of document.querySelectorAll("[data-counter]")) {
  const shown = document.getElementById(field.dataset.counter);
  const count = () => {
    const lines = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const first = new Map();
    const twice = lines.flatMap((line, at) => {
      if (first.has(line)) return [at + 1];
      first.set(line, at);
      return [];
    });
    const lineOf = (count) => `line${count === 1 ? "" : "s"}`;
    const more = twice.length > 5 ? " and more" : "";
    const which = twice.length ? `, ${twice.length} scanned twice (${lineOf(twice.length)} ${twice.slice(0, 5).join(", ")}${more})` : "";
    shown.textContent = lines.length ? `${lines.length} ${lineOf(lines.length)}, ${first.size} different${which}` : "";
  };
  field.addEventListener("input", count);
  count();
}

// Replaces a part of the page by its present state; the focus stays at the same link.
function renew(id, done) {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.onloadend = () => {
    const part = request.response?.getElementById(id);
    const href = document.activeElement?.getAttribute("href");
    if (part) document.getElementById(id).replaceWith(part);
    if (part && href && document.activeElement === document.body) {
      part.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
    }
    done(Boolean(part));
  };
  request.open("GET", location.href);
  request.send();
}

// Counts new events; rows appear only when the link is used, so that none moves away. A part that
// the page names is replaced instead: bays keep their places.
for (const box of document.querySelectorAll("[data-stream]")) {
  const [shown, link] = box.children;
  let last = box.dataset.after, fresh = 0, heard = "", source, lost;
  const now = () => `${new Date().toISOString().slice(11, 19)} UTC`;
  const part = box.dataset.renews;
  let isBusy = false;
  const news = () => {
    if (isBusy) return;
    isBusy = true;
    const before = fresh;
    renew(part, (isNew) => {
      isBusy = false;
      if (fresh !== before) news();
      else if (isNew) fresh = 0;
    });
  };
  const tell = (text) => { if (shown.textContent !== text) shown.textContent = text; };
  const connected = () => {
    clearTimeout(lost);
    lost = undefined;
    heard = now();
    if (part) return tell("Live");
    if (fresh) link.textContent = `Show ${fresh} new`;
    tell(fresh ? `${fresh} new since you loaded this page` : "Live: nothing new yet");
  };
  const open = () => {
    source = new EventSource(`${box.dataset.stream}?after=${last}`);
    source.onopen = connected;
    source.onmessage = (event) => { last = event.lastEventId; fresh += 1; connected(); if (part) news(); };
    source.onerror = () => {
      lost ??= setTimeout(() => {
        lost = undefined;
        tell(`Connection lost, trying again.${heard && ` Last news ${heard}.`}${part ? " The line goes on." : ""}`);
        if (source.readyState === EventSource.CLOSED) open();
      }, 8000);
    };
  };
  const follow = () => {
    source?.close();
    clearTimeout(lost);
    lost = undefined;
    if (!document.hidden) open();
  };
  document.addEventListener("visibilitychange", follow);
  tell("Connecting");
  follow();
}

// A form is sent once.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
