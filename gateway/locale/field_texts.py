"""What is wrong with a name or an address, in both languages, by the codes of its fault."""

from __future__ import annotations

from clinic.contracts.field_errors import INVALID

FIELD_TEXTS: dict[str, dict[str, str]] = {
    "es": {
        "name_blank": "Escriba el nombre y los apellidos.",
        "name_too_long": "El nombre puede tener 200 caracteres como mucho.",
        "name_characters": "El nombre contiene saltos de línea o caracteres que no son letras ni "
        "signos. Escríbalo a mano en lugar de pegarlo.",
        "name_direction": "El nombre contiene caracteres invisibles que invierten el sentido del "
        "texto. Escríbalo a mano en lugar de pegarlo.",
        "name_link": "El nombre no puede contener direcciones web ni de correo. Si es una "
        "abreviatura, deje un espacio después del punto.",
        "email_blank": "Escriba una dirección de correo, como nombre@example.com.",
        "email_too_long": "La dirección de correo puede tener 254 caracteres como mucho.",
        "email_local_too_long": "La dirección de correo puede tener 64 caracteres como mucho "
        "antes de la @.",
        "email_invisible": "La dirección de correo contiene un carácter invisible. Escríbala a "
        "mano en lugar de pegarla.",
        "email_display_name": "Escriba solo la dirección de correo, sin nombre y sin < >.",
        "email_no_at": "A la dirección de correo le falta la @: nombre@example.com.",
        "email_several": "Escriba una sola dirección de correo.",
        "email_spaces": "La dirección de correo no puede contener espacios.",
        "email_not_ascii": "Antes de la @, la dirección de correo solo puede tener letras "
        "inglesas, sin tildes ni ñ: no podemos enviar correo a otras.",
        "email_domain": "Lo que va después de la @ no es un dominio de correo, como example.com.",
        "email_invalid": "Lo que va antes de la @ no es válido. Escriba una dirección de correo, "
        "como nombre@example.com.",
    },
    "en": {
        "name_blank": "Enter your full name.",
        "name_too_long": "The name can have at most 200 characters.",
        "name_characters": "The name contains line breaks or characters that are not letters or "
        "signs. Type it instead of pasting it.",
        "name_direction": "The name contains invisible characters that reverse the direction of "
        "the text. Type it instead of pasting it.",
        "name_link": "The name can't contain a web or e-mail address. If it is an abbreviation, "
        "leave a space after the dot.",
        "email_blank": "Enter an e-mail address, like name@example.com.",
        "email_too_long": "The e-mail address can have at most 254 characters.",
        "email_local_too_long": "The e-mail address can have at most 64 characters before the @.",
        "email_invisible": "The e-mail address contains an invisible character. Type it instead of "
        "pasting it.",
        "email_display_name": "Enter the e-mail address alone, without a name and without < >.",
        "email_no_at": "The e-mail address has no @: name@example.com.",
        "email_several": "Enter a single e-mail address.",
        "email_spaces": "The e-mail address can't contain spaces.",
        "email_not_ascii": "Before the @, the e-mail address can only have English letters, "
        "without accents: we can't send e-mail to others.",
        "email_domain": "What follows the @ is not an e-mail domain, like example.com.",
        "email_invalid": "What precedes the @ is not valid. Enter an e-mail address, like "
        "name@example.com.",
    },
}


#: All that `errorCodes` may hold.
FIELD_CODES = (INVALID, *FIELD_TEXTS["en"])


def field_texts(codes: list[str], language: str) -> list[str]:
    """Return the texts of those codes that have one, each once, in order."""
    texts = FIELD_TEXTS[language]
    return [texts[code] for code in dict.fromkeys(codes) if code in texts]
