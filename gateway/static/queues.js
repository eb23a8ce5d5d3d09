// Refreshes the queues page while it is visible.
"use strict";

const POLL_MILLISECONDS = 5000;

const pause = () => new Promise((done) => setTimeout(done, POLL_MILLISECONDS));

const untilVisible = () =>
  document.hidden
    ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }))
    : Promise.resolve();

async function fetchPage() {
  const response = await fetch(location.href, { cache: "no-store" });
  if (response.redirected) location.reload(); // the session has ended: show the sign-in form
  if (!response.ok || response.redirected) throw new Error(`unexpected HTTP status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Replace the parts of this page by those of a fetched one. Keeps the focus on a link. */
function showParts(fresh) {
  const address = document.activeElement?.closest("[data-part] a")?.getAttribute("href");
  for (const part of document.querySelectorAll("[data-part]")) {
    part.replaceWith(fresh.querySelector(`[data-part="${part.dataset.part}"]`));
  }
  if (address) document.querySelector(`[data-part] a[href="${CSS.escape(address)}"]`)?.focus();
}

function isPaused() {
  return document.querySelector("[data-pause]").getAttribute("aria-pressed") === "true";
}

/** Screen readers announce changes of this text only, not of each number. */
function health() {
  return document.querySelector("[data-health]").textContent;
}

async function follow() {
  for (;;) {
    await pause();
    await untilVisible();
    if (isPaused()) continue;
    const before = health();
    const stale = document.querySelector("[data-stale]");
    try {
      showParts(await fetchPage());
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
    if (health() !== before) document.querySelector("[data-announcement]").textContent = health();
  }
}

document.querySelector("[data-pause]").addEventListener("click", (event) => {
  event.target.setAttribute("aria-pressed", String(!isPaused()));
});

for (const each of document.querySelectorAll("[data-live]")) each.hidden = false;
follow();
