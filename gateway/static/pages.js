// Progressive enhancement: every page works without this file.
"use strict";

const POLL_SECONDS = [1, 1, 1, 2, 2, 3, 5]; // the last value repeats

/** Replace the parts of this page by those of a fetched one. Keeps input in all other elements. */
function showParts(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const next = fresh.querySelector(`[data-part="${name}"]`);
    if (!next) part.remove();
    // Keep a partly typed code while the booking can be cancelled.
    else if (name !== "cancel") part.replaceWith(next);
  }
  document.title = fresh.title;
}

async function fetchPage(address, headers = {}) {
  const response = await fetch(address, { headers, cache: "no-store" });
  if (response.status === 304) return { tag: headers["If-None-Match"], fresh: null };
  if (!response.ok) throw new Error(`unexpected HTTP status ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  return { tag: response.headers.get("ETag"), fresh };
}

function announce(text) {
  document.querySelector("[data-announcement]").textContent = text;
}

// --- show another day or choice and keep the input of the form

/** The address without its fragment, which does not affect the fetched page. */
const currentAddress = () => location.pathname + location.search;
let shown = currentAddress();
let latestVisit = 0;

/** Show the parts of the page at that address. Focus the times, or keep the focus in the field. */
async function visit(address, { isNew, field = null }) {
  const visitNumber = (latestVisit += 1);
  try {
    const { fresh } = await fetchPage(address);
    if (visitNumber !== latestVisit) return; // the user has chosen something else meanwhile
    showParts(fresh);
    const translation = document.querySelector("[data-translation]");
    translation.href = fresh.querySelector("[data-translation]").href;
    if (isNew) history.pushState(null, "", address);
    shown = currentAddress();
    focusOn(field);
  } catch {
    location.assign(address);
  }
}

function focusOn(field) {
  const times = document.querySelector('[data-part="times"] [data-heading]');
  const kept = field && document.getElementById(field);
  if (kept) {
    kept.focus();
    announce(times?.textContent ?? "");
  } else {
    times?.focus();
  }
}

const addressOf = (form) =>
  `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-day]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  visit(link.href, { isNew: true });
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-day]")) return;
  event.preventDefault();
  visit(addressOf(form), { isNew: true });
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-choice]");
  if (form) visit(addressOf(form), { isNew: true, field: event.target.id });
});

if (document.querySelector("[data-day]")) {
  addEventListener("popstate", () => {
    if (currentAddress() !== shown) visit(currentAddress(), { isNew: false });
  });
}

// --- poll a pending booking

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const untilVisible = () =>
  document.hidden
    ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }))
    : Promise.resolve();

/** Show the new state, announce it to screen readers and keep the focus. */
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
    await untilVisible();
    try {
      // After a failed form, location is the form's address, not that of the booking.
      const address = document.querySelector("[data-reload]").href;
      const page = await fetchPage(address, tag ? { "If-None-Match": tag } : {});
      tag = page.tag;
      if (page.fresh) showState(page.fresh);
    } catch {
      // Temporary failure: the next round tries again, and the user can reload.
    }
  }
}

// --- the code from the e-mail. It is in the fragment, so that no server or log sees it until a form
// submits it. The session storage keeps it for the booking's other pages in this tab.

function takeCode() {
  const key = `code of ${location.pathname.split("/")[2]}`;
  const code = location.hash.slice(1);
  if (/^[\w-]{43}$/.test(code)) {
    store(key, code);
    history.replaceState(null, "", location.pathname + location.search);
    fillCode(code);
  } else if (!document.getElementById("code")?.value) {
    fillCode(stored(key));
  }
}

function fillCode(code) {
  const field = document.getElementById("code");
  if (field) field.value = code;
}

// Browsers may block storage: then the patient types the code on the other page.

function store(key, text) {
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // storage is blocked
  }
}

function stored(key) {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

addEventListener("hashchange", takeCode);

takeCode();
showLive();
follow();
document.querySelector("[data-summary]")?.focus();
