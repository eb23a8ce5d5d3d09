"""RabbitMQ: topology, connections, publishing with confirms, checks of what arrives. No nameko."""
