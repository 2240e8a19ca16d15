// The live log of the portal: each server-sent event has the HTML of one call, escaped by the server.
"use strict";

(() => {
  const MOST = 300;
  const status = document.getElementById("live");
  const calls = document.getElementById("calls");
  const source = new EventSource(status.dataset.live);
  let missed = 0;

  source.onopen = () => { status.textContent = "Live: new calls appear here by themselves."; };
  source.onerror = () => { status.textContent = "The emulator does not answer; trying again."; };
  source.onmessage = (event) => {
    calls.insertAdjacentHTML("afterbegin", event.data);
    while (calls.children.length > MOST) calls.lastElementChild.remove();
    document.getElementById("empty")?.remove();
  };
  source.addEventListener("missed", (event) => {
    missed += Number(event.data);
    status.textContent = `Live, but ${missed} calls came too fast to show; reload the page for them.`;
  });
  window.addEventListener("pagehide", () => source.close());
})();
