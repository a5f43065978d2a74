"""The removal of personal data: erasing a phone number, and retention."""
