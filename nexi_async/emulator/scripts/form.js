// Fills in a test card that is chosen instead of typed, and sends the form once however often Pay is pressed. The form
// works without this script.
(function () {
  "use strict";
  const expiry = "12/30";

  function reveal() {
    for (const list of document.querySelectorAll(".test-cards")) list.hidden = false;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-card]");
    if (!button) return;
    const form = button.form;
    form.elements.card.value = button.dataset.card;
    form.elements.expiry.value = expiry;
    form.elements.cvc.value = button.dataset.card.length === 17 ? "1234" : "123";
    form.querySelector('input[name="method"][value="card"]').checked = true;
    form.elements.card.focus();
  });
  let isSent = false;
  document.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = !document.body.classList.contains("embedded");  // there, iframe.js sends it
  });
  window.addEventListener("pageshow", () => { isSent = false; });  // the shopper came back to the page as it was
  document.addEventListener("checkout-refreshed", reveal);
  reveal();
  const notice = document.getElementById("notice");
  const first = document.querySelector('[aria-invalid="true"]') || notice;
  if (first && !notice.hidden) first.focus();
})();
