"""POST /book and GET /booking/{id}."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from messaging import REQUESTS, Requested, connect
from pydantic import AwareDatetime, BaseModel, EmailStr, Field
from store import bookings, ensure_indexes, now

broker = connect()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.bookings = bookings()
    await ensure_indexes(app.state.bookings)
    async with broker:
        await broker.declare_queue(REQUESTS)
        yield


app = FastAPI(lifespan=lifespan)


class BookingRequest(BaseModel):
    patient_name: str = Field(alias="patientName", min_length=1, max_length=200)
    patient_email: EmailStr = Field(alias="patientEmail")
    date: AwareDatetime


class Booking(BaseModel):
    id: str
    status: str
    patientName: str  # noqa: N815 - the documented name
    patientEmail: str  # noqa: N815
    date: AwareDatetime
    createdAt: AwareDatetime  # noqa: N815


@app.post("/book", status_code=201)
async def book(request: BookingRequest) -> dict[str, Booking]:
    document = {
        "_id": str(uuid.uuid4()),
        "patientName": request.patient_name,
        "patientEmail": request.patient_email,
        "date": request.date,
        "status": "pending",
        "createdAt": now(),
    }
    await app.state.bookings.insert_one(document)
    await broker.publish(Requested(booking_id=document["_id"]), queue=REQUESTS, persist=True)
    return {"booking": Booking(id=document["_id"], **document)}


@app.get("/booking/{booking_id}")
async def read(booking_id: str) -> Booking:
    found = await app.state.bookings.find_one({"_id": booking_id})
    if found is None:
        raise HTTPException(404, "there is no such booking")
    return Booking(id=found["_id"], **found)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}
