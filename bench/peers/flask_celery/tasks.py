"""What happens to a booking after it was accepted."""

import os

from celery import Celery
from celery.utils.log import get_task_logger
from pymongo.errors import DuplicateKeyError
from store import bookings, now

logger = get_task_logger(__name__)

app = Celery("clinic", broker=os.environ["AMQP_URI"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_pool_limit=64,
    task_routes={"tasks.decide": "booking_requests", "tasks.notify": "emails"},
)
collection = bookings()


@app.task
def decide(booking_id: str) -> None:
    """The first booking that asks for a slot gets it."""
    booking = collection.find_one({"_id": booking_id})
    if booking is None or booking["status"] != "pending":
        return
    status = "confirmed"
    try:
        set_status(booking_id, status)
    except DuplicateKeyError:
        status = "rejected"
        set_status(booking_id, status)
    notify.delay(booking_id, status, booking["patientEmail"])


@app.task
def notify(booking_id: str, status: str, email: str) -> None:
    """Simulates an e-mail."""
    logger.warning("e-mail to %s: booking %s is %s", email, booking_id, status)


def set_status(booking_id: str, status: str) -> None:
    collection.update_one(
        {"_id": booking_id, "status": "pending"}, {"$set": {"status": status, "updatedAt": now()}}
    )
