"""The staff pages to book for a patient on the phone, and the confirmation to print."""
