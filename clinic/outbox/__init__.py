"""The transactional outbox: messages stored with the change they announce, and their relay."""
