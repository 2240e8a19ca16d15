// A stand-in for checkout.js: the same class, options, methods and events, around the emulator's iframe.
(function () {
  "use strict";
  const source = new URL(document.currentScript.src);

  class Checkout {
    constructor(options) {
      for (const name of ["checkoutKey", "paymentId"]) {
        if (!options || !options[name]) throw new Error("Dibs.Checkout needs the option " + name);
      }
      this.options = options;
      this.handlers = {};
      this.container = document.getElementById("nets-checkout-content")
        || document.getElementById(options.containerId || "dibs-checkout-content");
      if (!this.container) throw new Error("Dibs.Checkout found no container element");
      this.frame = document.createElement("iframe");
      this.frame.id = "nets-checkout-iframe";
      this.frame.title = "Checkout";
      this.frame.style.cssText = "width:100%;border:0;min-height:28rem";
      this.frame.src = this._address();
      this._listener = (message) => this._receive(message);
      window.addEventListener("message", this._listener);
      this.container.appendChild(this.frame);
      this.theme = options.theme;
      this.frame.addEventListener("load", () => this.theme && this.setTheme(this.theme));
    }

    on(name, handler) {
      (this.handlers[name] = this.handlers[name] || []).push(handler);
    }

    send(name, value) {
      if (name === "payment-order-finalized") this._post("paymentOrderFinalized", value);
      else if (name === "payment-cancel-initiated") this._post("cancelPayment");
      else throw new Error("unknown message " + name);
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
    }

    _address() {
      const address = new URL("/v1/", source);
      for (const name of ["checkoutKey", "paymentId", "partnerMerchantNumber", "language"]) {
        if (this.options[name]) address.searchParams.set(name, this.options[name]);
      }
      return address.href;
    }

    _post(eventType, data) {
      if (this.frame.contentWindow) {
        this.frame.contentWindow.postMessage(JSON.stringify({ eventType, data }), source.origin);
      }
    }

    _fire(name, ...values) {
      for (const handler of this.handlers[name] || []) handler(...values);
    }

    _receive(message) {
      if (message.origin !== source.origin || message.source !== this.frame.contentWindow) return;
      const { eventType, data } = JSON.parse(message.data);
      const paymentId = this.options.paymentId;
      if (eventType === "payInitialized") {
        // Without a handler the flow goes on by itself.
        if (this.handlers["pay-initialized"]) this._fire("pay-initialized", paymentId);
        else this.send("payment-order-finalized", true);
      } else if (eventType === "paymentSuccess") this._fire("payment-completed", { paymentId });
      else if (eventType === "paymentCancelled") this._fire("payment-cancelled");
      else if (eventType === "addressChanged") this._fire("address-changed", { paymentId, ...data });
      else if (eventType === "resize") this.frame.style.height = data + "px";
    }
  }

  window.Dibs = window.Dibs || {};
  window.Dibs.Checkout = Checkout;
  window.Nets = window.Nets || {};
  window.Nets.Checkout = Checkout;
})();
