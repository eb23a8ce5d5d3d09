// Fetches the page of the queues again and again, while somebody looks at it.
"use strict";

const POLL_MILLISECONDS = 5000;

const pause = () => new Promise((done) => setTimeout(done, POLL_MILLISECONDS));

const isSeen = () =>
  document.hidden
    ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }))
    : Promise.resolve();

async function fetchPage() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (answer.redirected) location.reload(); // the session is over, and a person has to sign in
  if (!answer.ok || answer.redirected) throw new Error(`the page answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Put the parts of a fetched page in the place of ours. Who stands on a link stays on it. */
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

/** Tell those who listen when it changes whether all is well, and not each number. */
function health() {
  return document.querySelector("[data-health]").textContent;
}

async function follow() {
  for (;;) {
    await pause();
    await isSeen();
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
