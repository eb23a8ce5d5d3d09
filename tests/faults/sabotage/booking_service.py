"""The booking service, with traps: `nameko run tests.faults.sabotage.booking_service`."""

from booking_service.service import BookingService, BookingWorker
from tests.faults.sabotage.trap import install

install("booking_service")

__all__ = ["BookingService", "BookingWorker"]
