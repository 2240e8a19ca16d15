// A stand-in for checkout.js: the same class, options, methods and events, around the emulator's iframe.
// It speaks to the iframe and listens to it only under the origin that this script came from.
(function () {
  "use strict";
  const source = new URL(document.currentScript.src);
  const events = [
    "pay-initialized", "payment-completed", "payment-cancelled", "address-changed", "applepay-contact-updated",
    "payment-created",
  ];

  class Checkout {
    constructor(options) {
      for (const name of ["checkoutKey", "paymentId"]) {
        if (!options || !options[name]) throw new Error("Dibs.Checkout needs the option " + name);
      }
      this.options = options;
      this.theme = options.theme;
      this.handlers = {};
      this.waiting = [];  // messages for an iframe that is not there yet
      this.isReady = false;
      this.container = document.getElementById("nets-checkout-content")
        || document.getElementById(options.containerId || "dibs-checkout-content");
      if (!this.container) throw new Error("Dibs.Checkout found no container element");
      this.frame = document.createElement("iframe");
      this.frame.id = "nets-checkout-iframe";
      this.frame.title = "Checkout";
      this.frame.style.cssText = "display:block;width:100%;border:0;min-height:10rem";
      this.frame.src = this._address();
      this._listener = (message) => this._receive(message);
      window.addEventListener("message", this._listener);
      this.container.appendChild(this.frame);
    }

    on(name, handler) {
      if (!events.includes(name)) console.warn("Dibs.Checkout has no event " + name + "; it has " + events.join(", "));
      (this.handlers[name] = this.handlers[name] || []).push(handler);
    }

    send(name, value) {
      if (name === "payment-order-finalized") this._post("paymentOrderFinalized", value);
      else if (name === "payment-cancel-initiated") this._post("cancelPayment");
      else throw new Error("Dibs.Checkout sends payment-order-finalized and payment-cancel-initiated, not " + name);
    }

    freezeCheckout() {
      this._post("freezeCheckout");
    }

    thawCheckout() {
      this._post("thawCheckout");
    }

    setLanguage(language) {
      this._post("setLanguage", language);
    }

    setTheme(theme) {
      this.theme = theme;
      this._post("setTheme", theme);
    }

    completeApplePayShippingContactUpdate(amount) {
      this._post("updateApplePayOrderAmount", amount);
    }

    cleanup() {
      window.removeEventListener("message", this._listener);
      this.frame.remove();
      this.handlers = {};
      this.waiting = [];
    }

    _address() {
      const address = new URL("/v1/", source);
      for (const name of ["checkoutKey", "paymentId", "partnerMerchantNumber", "language"]) {
        if (this.options[name]) address.searchParams.set(name, this.options[name]);
      }
      address.searchParams.set("origin", window.location.origin);
      // A page that is never dark would have a dark checkout in it.
      const scheme = getComputedStyle(this.container).colorScheme;
      if (!scheme.includes("dark")) address.searchParams.set("colorScheme", "light");
      if (new URLSearchParams(window.location.search).get("paymentFailed") === "true") {
        address.searchParams.set("paymentFailed", "true");
      }
      return address.href;
    }

    _post(eventType, data) {
      const message = JSON.stringify({ eventType, data });
      if (!this.isReady) this.waiting.push(message);
      else if (this.frame.contentWindow) this.frame.contentWindow.postMessage(message, source.origin);
    }

    _fire(name, ...values) {
      for (const handler of [...(this.handlers[name] || [])]) handler(...values);
    }

    _receive(message) {
      if (message.origin !== source.origin || message.source !== this.frame.contentWindow) return;
      const { eventType, data } = JSON.parse(message.data);
      const receive = this._receivers()[eventType];
      if (receive) receive(data);
    }

    _receivers() {
      const paymentId = this.options.paymentId;
      return {
        checkoutInitialized: () => {
          this.isReady = true;
          if (this.theme) this._post("setTheme", this.theme);
          for (const each of this.waiting.splice(0)) this.frame.contentWindow.postMessage(each, source.origin);
        },
        payInitialized: () => {
          // Without a handler the flow goes on by itself.
          if (this.handlers["pay-initialized"]) this._fire("pay-initialized", paymentId);
          else this.send("payment-order-finalized", true);
        },
        goto3DS: (address) => {
          if (new URL(address).origin === source.origin) window.location.assign(address);
        },
        paymentSuccess: () => this._fire("payment-completed", { paymentId }),
        paymentCancelled: () => this._fire("payment-cancelled"),
        addressChanged: (address) => this._fire("address-changed", { paymentId, ...address }),
        applePayClicked: (contact) => {
          if (this.handlers["applepay-contact-updated"]) this._fire("applepay-contact-updated", contact);
          else this.completeApplePayShippingContactUpdate();
        },
        removePaymentFailedQueryParameter: () => {
          const address = new URL(window.location.href);
          address.searchParams.delete("paymentFailed");
          window.history.replaceState(window.history.state, "", address);
        },
        resize: (height) => {
          if (Number.isFinite(height)) this.frame.style.height = height + "px";
        },
      };
    }
  }

  window.Dibs = window.Dibs || {};
  window.Dibs.Checkout = Checkout;
  window.Nets = window.Nets || {};
  window.Nets.Checkout = Checkout;
})();
