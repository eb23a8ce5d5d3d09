"""POST /book and GET /booking/{id}."""

import uuid
from typing import Any

from flask import Flask, Response, jsonify, request
from pydantic import AwareDatetime, BaseModel, EmailStr, Field, ValidationError
from store import bookings, ensure_indexes, now
from tasks import decide

app = Flask(__name__)
collection = bookings()
ensure_indexes(collection)


class BookingRequest(BaseModel):
    patient_name: str = Field(alias="patientName", min_length=1, max_length=200)
    patient_email: EmailStr = Field(alias="patientEmail")
    date: AwareDatetime


@app.post("/book")
def book() -> tuple[Response, int]:
    asked = BookingRequest.model_validate_json(request.get_data())
    document = {
        "_id": str(uuid.uuid4()),
        "patientName": asked.patient_name,
        "patientEmail": asked.patient_email,
        "date": asked.date,
        "status": "pending",
        "createdAt": now(),
    }
    collection.insert_one(document)
    decide.delay(document["_id"])
    return jsonify(booking=view(document)), 201


@app.get("/booking/<booking_id>")
def read(booking_id: str) -> tuple[Response, int]:
    found = collection.find_one({"_id": booking_id})
    if found is None:
        return jsonify(error="there is no such booking"), 404
    return jsonify(view(found)), 200


@app.get("/health/ready")
def ready() -> Response:
    return jsonify(status="ready")


@app.errorhandler(ValidationError)
def invalid(error: ValidationError) -> tuple[Response, int]:
    return jsonify(errors=error.errors(include_url=False, include_context=False)), 422


def view(document: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in document.items() if name != "_id"}
    times = {"date": shown["date"].isoformat(), "createdAt": shown["createdAt"].isoformat()}
    return {"id": document["_id"], **shown, **times}
