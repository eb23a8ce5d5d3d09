"""The booking service with fault injection.

`nameko run tests.faults.injection.booking_service`
"""

from booking_service.service import BookingService, BookingWorker
from tests.faults.injection.injector import install

install("booking_service")

__all__ = ["BookingService", "BookingWorker"]
