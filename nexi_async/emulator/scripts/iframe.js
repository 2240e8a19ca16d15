// Inside the iframe: asks the embedding page before paying, pays, and posts the outcome to it.
(function () {
  "use strict";
  const form = document.querySelector("form");
  const problem = document.getElementById("problem");
  const fields = form ? form.querySelector("fieldset") : null;
  let pressed = null;

  function post(eventType, data) {
    window.parent.postMessage(JSON.stringify({ eventType, data }), "*");
  }

  function resize() {
    post("resize", document.documentElement.scrollHeight);
  }

  function show(text, isGood) {
    problem.textContent = text;
    problem.hidden = !text;
    problem.className = isGood ? "" : "problem";
    resize();
  }

  function act(action) {
    fields.disabled = false;  // disabled fields have no values
    const body = new URLSearchParams(new FormData(form));
    body.set("action", action);
    fields.disabled = true;
    return fetch(window.location.href, { method: "POST", body, headers: { Accept: "application/json" } })
      .then((answer) => answer.json())
      .then((outcome) => {
        fields.disabled = outcome.result === "completed";
        if (outcome.result === "completed") post("paymentSuccess");
        else if (outcome.result === "cancelled") post("paymentCancelled");
        show(outcome.message, outcome.result === "completed");
      });
  }

  const orders = {
    paymentOrderFinalized(goOn) {
      if (goOn && pressed) act(pressed);
      else fields.disabled = false;
      pressed = null;
    },
    freezeCheckout() {
      fields.disabled = true;
    },
    thawCheckout() {
      window.location.reload();
    },
    cancelPayment() {
      act("cancel");
    },
    setLanguage(language) {
      document.documentElement.lang = language;
    },
    setTheme(theme) {
      if (theme.backgroundColor) document.body.style.background = theme.backgroundColor;
      if (theme.textColor) document.body.style.color = theme.textColor;
      if (theme.primaryColor) document.documentElement.style.setProperty("--accent", theme.primaryColor);
    },
  };

  post("checkoutInitialized");
  resize();
  if (!form) return;

  window.addEventListener("message", (message) => {
    if (message.source !== window.parent) return;
    const { eventType, data } = JSON.parse(message.data);
    if (orders[eventType]) orders[eventType](data);
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const action = event.submitter.value;
    if (action === "cancel") {
      act(action);
      return;
    }
    pressed = action;
    fields.disabled = true;
    post("payInitialized");
  });

  for (const name of ["countryCode", "postalCode"]) {
    form.elements[name].addEventListener("change", () => {
      const address = { countryCode: form.elements.countryCode.value, postalCode: form.elements.postalCode.value };
      post("addressChanged", address);
    });
  }
})();
