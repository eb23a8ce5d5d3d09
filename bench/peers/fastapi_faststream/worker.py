"""Decides bookings: the first one that asks for a slot gets it."""

from faststream import FastStream
from faststream.rabbit import Channel
from messaging import EVENTS, REQUESTS, Decided, Requested, connect
from pymongo.errors import DuplicateKeyError
from store import bookings, now

broker = connect()
app = FastStream(broker, logger=None)
collection = bookings()


@app.after_startup
async def declare() -> None:
    await broker.declare_exchange(EVENTS)


@broker.subscriber(REQUESTS, channel=Channel(prefetch_count=50))
async def decide(request: Requested) -> None:
    booking = await collection.find_one({"_id": request.booking_id})
    if booking is None or booking["status"] != "pending":
        return
    status = "confirmed"
    try:
        await set_status(booking["_id"], status)
    except DuplicateKeyError:
        status = "rejected"
        await set_status(booking["_id"], status)
    event = Decided(booking_id=booking["_id"], status=status, email=booking["patientEmail"])
    await broker.publish(event, exchange=EVENTS, persist=True)


async def set_status(booking_id: str, status: str) -> None:
    await collection.update_one(
        {"_id": booking_id, "status": "pending"}, {"$set": {"status": status, "updatedAt": now()}}
    )
