"""RabbitMQ without nameko: topology, connections, publisher confirms, checks of received frames."""
