// What a browser with scripts gets on top. Every page works without this file.
"use strict";

const POLL_SECONDS = [1, 1, 1, 2, 2, 3, 5]; // then the last one again and again

/** Put the parts of a fetched page in the place of ours. What is typed elsewhere stays. */
function showParts(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const next = fresh.querySelector(`[data-part="${name}"]`);
    if (!next) part.remove();
    // A code half typed is not thrown away as long as it may be of use.
    else if (name !== "cancel") part.replaceWith(next);
  }
  document.title = fresh.title;
}

async function fetchPage(address, headers = {}) {
  const answer = await fetch(address, { headers, cache: "no-store" });
  if (answer.status === 304) return { tag: headers["If-None-Match"], fresh: null };
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { tag: answer.headers.get("ETag"), fresh };
}

function announce(text) {
  document.querySelector("[data-announcement]").textContent = text;
}

// --- another day, without losing what is typed

/** What is shown, without the place on it: a link to a place changes nothing that is fetched. */
const where = () => location.pathname + location.search;
let shown = where();

async function showDay(address, isNew) {
  try {
    const { fresh } = await fetchPage(address);
    showParts(fresh);
    const translation = document.querySelector("[data-translation]");
    translation.href = fresh.querySelector("[data-translation]").href;
    if (isNew) history.pushState(null, "", address);
    shown = where();
    document.querySelector('[data-part="times"] [data-heading]')?.focus();
  } catch {
    location.assign(address);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-day]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showDay(link.href, true);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-day]")) return;
  event.preventDefault();
  showDay(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`, true);
});

if (document.querySelector("[data-day]")) {
  addEventListener("popstate", () => where() !== shown && showDay(where(), false));
}

// --- a booking that is not decided yet

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const isSeen = () =>
  document.hidden
    ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }))
    : Promise.resolve();

/** Show what has changed. The reader is told, and keeps the place where they were. */
function showState(fresh) {
  const hadFocus = document.querySelector('[data-part="state"]').contains(document.activeElement);
  showParts(fresh);
  const heading = document.querySelector('[data-part="state"] [data-heading]');
  announce(heading.textContent);
  if (hadFocus) heading.focus();
  showLive();
}

function showLive() {
  document.querySelector("[data-live]")?.removeAttribute("hidden");
}

async function follow() {
  let tag = null;
  for (let round = 0; document.querySelector("[data-pending]"); round += 1) {
    await pause(POLL_SECONDS[Math.min(round, POLL_SECONDS.length - 1)]);
    await isSeen();
    try {
      // Not where we are: what a form was answered with is shown at the address of the form.
      const address = document.querySelector("[data-reload]").href;
      const found = await fetchPage(address, tag ? { "If-None-Match": tag } : {});
      tag = found.tag;
      if (found.fresh) showState(found.fresh);
    } catch {
      // Away for a moment; the next round asks again, and a person can reload.
    }
  }
}

// --- the code from the e-mail: behind the #, so that no server and no log sees it before a form
// takes it. This tab remembers it for the page on which the appointment is moved, and back again.

function takeCode() {
  const ours = `code of ${location.pathname.split("/")[2]}`;
  const code = location.hash.slice(1);
  if (/^[\w-]{43}$/.test(code)) {
    remember(ours, code);
    history.replaceState(null, "", location.pathname + location.search);
    fillCode(code);
  } else if (!document.getElementById("code")?.value) {
    fillCode(remembered(ours));
  }
}

function fillCode(code) {
  const field = document.getElementById("code");
  if (field) field.value = code;
}

// A browser may refuse to remember anything: then the code is typed on the other page.

function remember(name, text) {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // not here
  }
}

function remembered(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

addEventListener("hashchange", takeCode);

takeCode();
showLive();
follow();
document.querySelector("[data-summary]")?.focus();
