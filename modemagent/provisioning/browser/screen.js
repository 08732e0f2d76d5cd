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
