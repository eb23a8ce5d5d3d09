"""The AMQP headers that more than one package reads or writes."""

#: In nameko's context data, so that every handler finds it there.
REQUEST_ID_HEADER = "nameko.request_id"
#: On requests that may have been published before.
POSSIBLE_DUPLICATE_HEADER = "x-possible-duplicate"
