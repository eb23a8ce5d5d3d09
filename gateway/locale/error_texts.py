"""The words of the pages for an address or a request that is not one of ours."""

from __future__ import annotations

ERROR_TEXTS: dict[str, dict[str, str]] = {
    "es": {
        "no_page": "Esta página no existe",
        "no_page_text": "Compruebe la dirección. Si viene de un correo, ábrala completa, tal como "
        "está allí.",
        "unreadable": "No hemos podido leer su solicitud",
        "unreadable_text": "Vuelva atrás e inténtelo otra vez.",
        "staff_unreadable": "No hemos podido leer la solicitud",
        "staff_unreadable_text": "Vuelva atrás e inténtelo otra vez.",
    },
    "en": {
        "no_page": "This page does not exist",
        "no_page_text": "Check the address. If it comes from an e-mail, open all of it, as it is "
        "there.",
        "unreadable": "We could not read your request",
        "unreadable_text": "Go back and try again.",
        "staff_unreadable": "The request could not be read",
        "staff_unreadable_text": "Go back and try again.",
    },
}
