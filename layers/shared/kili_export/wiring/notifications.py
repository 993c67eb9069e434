"""What delivers events to the endpoints that projects declare."""

import random

from kili_export.kili.http.notification_sender import NotificationSender
from kili_export.notifications.deliveries import Delivery
from kili_export.notifications.notifier import Notifier
from kili_export.wiring.application import Application


def notifier(app: Application) -> Notifier:
    """Delivers events. Keep it: it keeps connections."""
    return Notifier(
        objects=app.objects,
        store=app.deliveries,
        sender=NotificationSender(app.clock, app.settings.networks),
        secret_of=lambda name: app.notify_secret(name).value(),
        clock=app.clock,
        chance=random.random,
    )


def retry_delivery(app: Application, project_id: str, delivery_id: str) -> Delivery:
    """Makes a delivery due again. Raises InvalidConfiguration when it is not known."""
    return notifier(app).retry(project_id, delivery_id)
