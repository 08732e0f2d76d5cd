// Live changes. Without this script the page is loaded again every two seconds.
"use strict";

// Time without a message after which the page counts as out of date: the bench sends one a second.
const SILENCE_MS = 3000;
const lost = document.getElementById("lost");
let silence;

function say(isLost) {
  lost.hidden = !isLost;
  clearTimeout(silence);
  if (!isLost) silence = setTimeout(say, SILENCE_MS, true);
}

function replace(changes) {
  for (const [id, html] of Object.entries(changes)) {
    const element = document.getElementById(id);
    if (element) element.outerHTML = html;
  }
}

function connect() {
  const source = new EventSource("events");
  source.onmessage = (event) => {
    const { version, changes } = JSON.parse(event.data);
    if (version !== document.body.dataset.version) {
      location.reload();
      return;
    }
    replace(changes);
    say(false);
  };
  source.onerror = () => {
    say(true);
    if (source.readyState !== EventSource.CLOSED) return;
    // a bench that answers but refuses wants the page again, for example to sign in
    fetch("").then(() => location.reload(), () => setTimeout(connect, 1000));
  };
}

say(false);
connect();

// Scans and decisions. A scanner types fast and ends with Enter or Tab.
const SCANNER_GAP_MS = 100;
const UNFINISHED_MS = 500;
const LEAST_BURST = 4;
const answer = document.getElementById("answer");
const scan = document.getElementById("scan");
const code = document.getElementById("code");
const decide = document.getElementById("decide");
const form = decide.querySelector("form");
const act = form.elements.do;
let isSlow = false;
let last = 0;
let unfinished;

async function send(from) {
  const body = new URLSearchParams(new FormData(from));
  from.reset();
  try {
    const response = await fetch("act", {
      method: "POST", body, headers: { Accept: "application/json" },
    });
    answer.textContent = await response.text();
    return response.ok;
  } catch {
    answer.textContent = "not sent: no connection to the bench";
    return false;
  }
}

scan.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(unfinished);
  if (!code.value.trim()) return;
  scan.elements.typed.value = isSlow || code.value.length < LEAST_BURST ? "yes" : "no";
  isSlow = false;
  send(scan);
});

code.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && code.value) {
    event.preventDefault();
    scan.requestSubmit();
    return;
  }
  if (event.key.length > 1) return;
  if (!code.value) isSlow = false;
  else if (event.timeStamp - last > SCANNER_GAP_MS) isSlow = true;
  last = event.timeStamp;
  clearTimeout(unfinished);
  unfinished = setTimeout(() => {
    if (isSlow || code.value.length < LEAST_BURST) return;
    code.value = "";
    answer.textContent = "a scan without its end was dropped: the scanner has to send Enter";
  }, UNFINISHED_MS);
});

// The fields of the chosen act; Enter goes from one to the next.
function shownFields() {
  const names = act.selectedOptions[0].dataset.fields.split(" ");
  for (const label of form.querySelectorAll("[data-field]")) {
    label.hidden = !names.includes(label.dataset.field);
  }
  return [...form.querySelectorAll("[data-field]:not([hidden]) input")];
}

function open(chosen, bay = "") {
  form.reset();
  if (chosen) act.value = chosen;
  decide.open = true;
  const fields = shownFields();
  if (bay) form.elements.bay.value = bay;
  (chosen ? fields.find((field) => !field.value) ?? fields[0] : act).focus();
}

function leave() {
  decide.open = false;
  code.focus();
}

act.addEventListener("change", shownFields);
decide.addEventListener("toggle", () => (decide.open ? shownFields() : code.focus()));
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.tagName === "BUTTON") return;
  event.preventDefault();
  const fields = shownFields();
  const next = fields[fields.indexOf(event.target) + 1];
  if (next) next.focus();
  else form.requestSubmit();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  leave();
  await send(form);
});

document.addEventListener("keydown", (event) => {
  const option = [...act.options].find((each) => each.dataset.key === event.key);
  if (option) {
    event.preventDefault();
    open(option.value);
  } else if (event.key === "Escape") {
    leave();
  } else if (!decide.open && event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    code.focus();
  }
});

// The field keeps the focus; a tile that is touched is decided about.
document.addEventListener("click", (event) => {
  const tile = event.target.closest("section");
  if (tile) open("", tile.querySelector("h2").textContent.trim());
  else if (!event.target.closest("#decide, a")) code.focus();
});
code.addEventListener("blur", () => setTimeout(() => {
  if (!decide.contains(document.activeElement)) code.focus();
}));
addEventListener("focus", () => { if (!decide.open) code.focus(); });
