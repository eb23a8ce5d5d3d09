"""AMQP headers that several packages read or write."""

#: Part of nameko's context data, where every handler finds it.
REQUEST_ID_HEADER = "nameko.request_id"
#: Set on requests that may have been published before.
POSSIBLE_DUPLICATE_HEADER = "x-possible-duplicate"
#: Set on dead letters: error code and message, original queue, time, and the id that staff and
#: commands use.
ERROR_CODE_HEADER = "x-error-code"
ERROR_MESSAGE_HEADER = "x-error-message"
ORIGINAL_QUEUE_HEADER = "x-original-queue"
DEAD_LETTERED_AT_HEADER = "x-dead-lettered-at"
DEAD_LETTER_ID_HEADER = "x-dead-letter-id"
