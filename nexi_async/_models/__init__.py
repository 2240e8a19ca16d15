"""The request and response bodies of the API, as frozen values; amounts are whole minor units everywhere."""

from nexi_async._models.bulk import (
    BulkCharge,
    BulkReceipt,
    BulkVerification,
    SubscriptionToCharge,
    SubscriptionToVerify,
)
from nexi_async._models.card_payment import CardPaymentReceipt, CardToCharge, PaymentInfo
from nexi_async._models.charge import Charge, ChargeReceipt, Invoice, InvoiceLink, PaymentCharge, Shipment
from nexi_async._models.checkout import (
    Appearance,
    Checkout,
    ConsumerType,
    Country,
    DisplayOptions,
    Shipping,
    TextOptions,
)
from nexi_async._models.consumer import Address, Company, Consumer, PhoneNumber, PrivatePerson
from nexi_async._models.create_payment import (
    AdditionalPaymentMethodData,
    CreatedPayment,
    MethodOrderReference,
    PaymentMethodConfiguration,
    PaymentMethodFee,
    SubscriptionSetup,
    UnscheduledSubscriptionSetup,
)
from nexi_async._models.notifications import Notifications, WebHook
from nexi_async._models.order import Order, OrderItem
from nexi_async._models.payment import (
    AddressDetails,
    CardDetails,
    CheckoutDetails,
    CompanyDetails,
    ConsumerDetails,
    ContactDetails,
    InvoiceDetails,
    OrderDetails,
    Payment,
    PaymentDetails,
    PaymentStatus,
    PersonDetails,
    PhoneDetails,
    SubscriptionLink,
    Summary,
    UnscheduledSubscriptionLink,
)
from nexi_async._models.payment_method import ConfiguredPaymentMethod
from nexi_async._models.payout import Payout, PayoutAction, TaxDetail
from nexi_async._models.refund import PaymentRefund, Refund, RefundReceipt
from nexi_async._models.subscription import (
    ChargeStatus,
    ImportFault,
    NotCharged,
    NotKnown,
    Subscription,
    SubscriptionChargeReceipt,
    UnscheduledSubscription,
)
from nexi_async._models.text import clean_text

