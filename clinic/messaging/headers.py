"""The AMQP headers that more than one package reads or writes."""

#: In nameko's context data, so that every handler finds it there.
REQUEST_ID_HEADER = "nameko.request_id"
#: On requests that may have been published before.
POSSIBLE_DUPLICATE_HEADER = "x-possible-duplicate"
#: On dead letters: the code and the message of the error, where the message came from, since when,
#: and the id by which staff and commands name it.
ERROR_CODE_HEADER = "x-error-code"
ERROR_MESSAGE_HEADER = "x-error-message"
ORIGINAL_QUEUE_HEADER = "x-original-queue"
DEAD_LETTERED_AT_HEADER = "x-dead-lettered-at"
DEAD_LETTER_ID_HEADER = "x-dead-letter-id"
