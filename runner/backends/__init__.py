"""RabbitMQ and MongoDB: private servers on free ports, or external ones."""
