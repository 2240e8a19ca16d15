// Inside the iframe: asks the shop's page before paying, pays, and posts the outcome to it. It speaks to the shop's
// origin alone, which the server knows from the payment's checkout.url, and listens to no other.
(function () {
  "use strict";
  const { shop } = document.body.dataset;
  const isEmbedded = window.parent !== window;  // opened on its own, the page has no one to ask or to tell
  const variables = {
    textColor: "--text", primaryColor: "--accent", linkColor: "--link", backgroundColor: "--page", fontFamily: "--font",
    placeholderColor: "--placeholder", outlineColor: "--outline", primaryOutlineColor: "--focus", panelColor: "--panel",
    panelTextColor: "--panel-text", panelLinkColor: "--panel-link", buttonRadius: "--button-radius",
    buttonTextColor: "--button-text", buttonFontWeight: "--button-weight", buttonFontStyle: "--button-style",
    buttonTextTransform: "--button-transform", buttonbackgroundColor: "--button",
  };
  let pressed = null;  // the form as it was when Pay was pressed, while the shop's page decides
  let isFrozen = false;
  let isBusy = false;

  const root = document.documentElement;
  const form = () => document.querySelector("form");
  const texts = () => document.getElementById("texts").dataset;

  if (new URLSearchParams(window.location.search).get("colorScheme") === "light") root.dataset.light = "";

  function post(eventType, data) {
    if (isEmbedded) window.parent.postMessage(JSON.stringify({ eventType, data }), shop);
  }

  function lock() {
    for (const fields of document.querySelectorAll("fieldset.all")) fields.disabled = isFrozen || isBusy;
  }

  function setBusy(busy) {
    isBusy = busy;
    lock();
  }

  function notify(text, isGood) {
    const notice = document.getElementById("notice");
    notice.textContent = text || "";
    notice.hidden = !text;
    notice.classList.toggle("good", Boolean(isGood));
    return notice;
  }

  function mark(problems) {
    for (const place of document.querySelectorAll("p.problem")) {
      const name = place.id.replace(/-problem$/, "");
      place.textContent = problems[name] || "";
      place.hidden = !problems[name];
      const input = document.getElementById(name);
      if (input && problems[name]) input.setAttribute("aria-invalid", "true");
      else if (input) input.removeAttribute("aria-invalid");
    }
  }

  function show(answer) {
    const problems = answer.problems || {};
    mark(problems);
    const notice = notify([answer.message, problems.form].filter(Boolean).join(" "), answer.result === "completed");
    const first = document.querySelector('[aria-invalid="true"]');
    if (first) first.focus();
    else if (!notice.hidden) notice.focus();
  }

  function read(action) {
    const body = new URLSearchParams(values());
    body.set("action", action);
    return body;
  }

  // What the form holds, even while it is locked: disabled fields have no values.
  function values() {
    for (const fields of document.querySelectorAll("fieldset.all")) fields.disabled = false;
    const data = form() ? new FormData(form()) : [];
    lock();
    return data;
  }

  async function submit(body) {
    setBusy(true);
    try {
      const response = await fetch(window.location.href, { method: "POST", body });
      return await response.json();
    } catch {
      return { result: "unreachable", message: texts().unreachable };
    } finally {
      setBusy(false);
    }
  }

  async function act(body) {
    const answer = await submit(body);
    show(answer);
    if (answer.result === "challenged" && isEmbedded) post("goto3DS", answer.redirect);
    else if (answer.result === "challenged") window.location.assign(answer.redirect);
    else if (answer.result === "completed") post("paymentSuccess");
    else if (answer.result === "cancelled") post("paymentCancelled");
    if (["challenged", "completed"].includes(answer.result)) setBusy(true);  // there is nothing left to press
  }

  async function pay(action) {
    const body = read(action);
    const check = new URLSearchParams(body);
    check.set("action", "check");
    const answer = await submit(check);
    if (answer.result !== "checked") {
      show(answer);
      return;
    }
    if (!isEmbedded) {
      act(body);
      return;
    }
    pressed = body;
    setBusy(true);
    if (body.get("method") === "ApplePay") post("applePayClicked", address());
    else post("payInitialized");
  }

  function address() {
    const { country, postalCode } = form().elements;
    return { countryCode: country ? country.value : "", postalCode: postalCode ? postalCode.value : "" };
  }

  // Fetches the page again, for the order or the language has changed, and keeps what was typed.
  async function refresh(url) {
    const response = await fetch(url);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const typed = [...values()];
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.querySelector(".emulated").replaceWith(page.querySelector(".emulated"));
    root.lang = page.documentElement.lang;
    document.title = page.title;
    for (const [name, value] of typed) if (form() && form().elements[name]) form().elements[name].value = value;
    document.dispatchEvent(new Event("checkout-refreshed"));
    lock();
  }

  const orders = {
    paymentOrderFinalized(goesOn) {
      const body = pressed;
      pressed = null;
      if (!body) return;
      if (goesOn) {
        act(body);
        return;
      }
      setBusy(false);
      show({ message: texts().stopped });
    },
    freezeCheckout() {
      isFrozen = true;
      lock();
    },
    async thawCheckout() {
      isFrozen = false;
      await refresh(window.location.href);
    },
    cancelPayment() {
      if (form()) act(read("cancel"));
    },
    async setLanguage(language) {
      const url = new URL(window.location.href);
      url.searchParams.set("language", language);
      window.history.replaceState(null, "", url);
      await refresh(url);
    },
    setTheme(theme) {
      root.dataset.light = "";  // a theme names some colours; the others must go with them
      for (const [key, variable] of Object.entries(variables)) {
        const value = typeof theme[key] === "number" && key === "buttonRadius" ? theme[key] + "px" : theme[key];
        if (value === undefined) root.style.removeProperty(variable);
        else root.style.setProperty(variable, String(value));
      }
    },
    async updateApplePayOrderAmount() {
      await refresh(window.location.href);
      post("payInitialized");
    },
  };

  window.addEventListener("message", (message) => {
    if (message.source !== window.parent || message.origin !== shop) return;
    const { eventType, data } = JSON.parse(message.data);
    if (Object.hasOwn(orders, eventType)) orders[eventType](data);
  });

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    const action = event.submitter ? event.submitter.value : "pay";
    if (action === "pay") pay(action);
    else act(read(action));
  });

  document.addEventListener("change", (event) => {
    if (["country", "postalCode"].includes(event.target.name)) post("addressChanged", address());
  });

  new ResizeObserver(() => post("resize", Math.ceil(document.body.getBoundingClientRect().height))).observe(document.body);
  post("checkoutInitialized");
  if ("completed" in document.body.dataset) post("paymentSuccess");
  if ("failed" in document.body.dataset) {
    const url = new URL(window.location.href);
    url.searchParams.delete("paymentFailed");  // it was said, and is not said again when the page is fetched anew
    window.history.replaceState(null, "", url);
    post("removePaymentFailedQueryParameter");
  }
})();
