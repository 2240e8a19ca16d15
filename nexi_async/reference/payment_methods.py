"""How shoppers can pay: the types and methods that a payment reports."""

from nexi_async.reference.open_enum import OpenEnum


class PaymentType(OpenEnum):
    """The family a payment method belongs to, as a retrieved payment reports it."""

    CARD = "CARD"
    INVOICE = "INVOICE"
    A2A = "A2A"
    INSTALLMENT = "INSTALLMENT"
    WALLET = "WALLET"
    PREPAID_INVOICE = "PREPAID-INVOICE"


class PaymentMethod(OpenEnum):
    """The means of payment a shopper chose, by the name that the API uses."""

    VISA = "Visa"
    MASTERCARD = "MasterCard"
    AMERICAN_EXPRESS = "AmericanExpress"
    DANKORT = "Dankort"
    MAESTRO = "Maestro"
    FORBRUGSFORENINGEN = "Forbrugsforeningen"
    VIPPS = "Vipps"
    MOBILE_PAY = "MobilePay"
    SWISH = "Swish"
    PAYPAL = "PayPal"
    APPLE_PAY = "ApplePay"
    GOOGLE_PAY = "GooglePay"
    KLARNA = "Klarna"
    ARVATO = "Arvato"
    EASY_INVOICE = "EasyInvoice"
    EASY_INSTALLMENT = "EasyInstallment"
    EASY_CAMPAIGN = "EasyCampaign"
    RATEPAY_INVOICE = "RatePayInvoice"
    RATEPAY_INSTALLMENT = "RatePayInstallment"
    RATEPAY_SEPA = "RatePaySepa"
    SOFORT = "Sofort"
    TRUSTLY = "Trustly"
