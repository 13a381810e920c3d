"""Write TOML for tests: any document of tables, lists and scalars, in inline form."""

import datetime
import json
import math


def toml_text(document: dict[str, object]) -> str:
    """Return a TOML file that holds the document."""
    return "".join(f"{_string(key)} = {_value(value)}\n" for key, value in document.items())


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case float():
            if math.isfinite(value):
                text = repr(value)
                return text if "." in text or "e" in text else f"{text}.0"
            return str(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case list():
            return f"[{', '.join(_value(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{_string(k)} = {_value(v)}' for k, v in value.items())}}}"
        case _:
            return str(value)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, except for DEL and for characters beyond the BMP.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
