"""Text that every database and terminal takes."""


def plain(text: str) -> str:
    """Replace what UTF-8 cannot write: lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
