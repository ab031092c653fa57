"""The forms of names, labels, ports, percentages and addresses. Each function returns the server's reasons."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

__all__ = [
    "cidr_problems",
    "config_key",
    "dns_label",
    "env_name",
    "header_name",
    "ip_problems",
    "label_value",
    "network",
    "path_segment",
    "percent",
    "port_name",
    "port_number",
    "qualified_name",
    "service_name",
    "subdomain",
    "underscored_subdomain",
    "wildcard_subdomain",
]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SERVICE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_USED = "regex used for validation is"
_UNDERSCORED = r"[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?"
NO_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    f"with an alphanumeric character (e.g. 'my-name',  or '123-abc', {_USED} '{_LABEL}')"
)
NO_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    f"start and end with an alphanumeric character (e.g. 'example.com', {_USED} '{_SUBDOMAIN}')"
)
NO_SERVICE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    f"character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', {_USED} '{_SERVICE}')"
)
NO_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', {_USED} '{_QUALIFIED}')"
)
NO_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"{_USED} '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
NO_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def _match(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def _form(text: str, pattern: str, reason: str, most: int) -> list[str]:
    found = [f"must be no more than {most} characters"] if len(text) > most else []
    return found if _match(pattern, text) else [*found, reason]


def dns_label(text: str) -> list[str]:
    """A name with letters, digits and hyphens, such as that of a container or a namespace."""
    return _form(text, _LABEL, NO_LABEL, 63)


def subdomain(text: str) -> list[str]:
    """A name that may have dots, such as that of most objects."""
    return _form(text, _SUBDOMAIN, NO_SUBDOMAIN, 253)


def underscored_subdomain(text: str) -> list[str]:
    """A DNS search path, which may have underscores."""
    return _form(text, rf"{_UNDERSCORED}(\.{_UNDERSCORED})*", NO_SUBDOMAIN, 253)


def wildcard_subdomain(text: str) -> list[str]:
    r"""A host such as `*.example.com`."""
    pattern = rf"\*\.{_SUBDOMAIN}"
    reason = (
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
        "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
        rf"'*.example.com', {_USED} '\*\.{_SUBDOMAIN}')"
    )
    return _form(text, pattern, reason, 253)


def service_name(text: str) -> list[str]:
    """The name of a Service, which begins with a letter."""
    return _form(text, _SERVICE, NO_SERVICE, 63)


def qualified_name(text: str) -> list[str]:
    """The name of a label: a name with an optional prefix and a slash."""
    parts = text.split("/")
    if len(parts) > 2:
        reason = NO_NAME.replace("name part", "a qualified name", 1)
        return [f"{reason} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    found: list[str] = []
    if len(parts) == 2:
        if parts[0]:
            found += [f"prefix part {reason}" for reason in subdomain(parts[0])]
        else:
            found.append("prefix part must be non-empty")
    name = parts[-1]
    if not name:
        found.append("name part must be non-empty")
    elif len(name) > 63:
        found.append("name part must be no more than 63 characters")
    return found if _match(_QUALIFIED, name) else [*found, NO_NAME]


def label_value(text: str) -> list[str]:
    """The value of a label."""
    return _form(text, _VALUE, NO_VALUE, 63)


def path_segment(text: str) -> list[str]:
    """A name that may have every character but two, such as that of a role."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{mark}'" for mark in ("/", "%") if mark in text]


def port_number(value: int) -> list[str]:
    """The number of a port."""
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(text: str) -> list[str]:
    """The name of a port."""
    found = ["must be no more than 15 characters"] if len(text) > 15 else []
    if not _match("[-a-z0-9]+", text):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        found.append("must contain at least one letter (a-z)")
    if "--" in text:
        found.append("must not contain consecutive hyphens")
    if text and (text.startswith("-") or text.endswith("-")):
        found.append("must not begin or end with a hyphen")
    return found


def env_name(text: str) -> list[str]:
    """The name of an environment variable: since Kubernetes 1.32 every printable ASCII character except `=`."""
    if all(" " <= letter <= "~" and letter != "=" for letter in text):
        return []
    return ['a valid environment variable name must consist only of printable ASCII characters other than "="']


def config_key(text: str) -> list[str]:
    """A key of a ConfigMap or Secret."""
    found = ["must be no more than 253 characters"] if len(text) > 253 else []
    if not _match("[-._a-zA-Z0-9]+", text):
        found.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            f"'KEY_NAME',  or 'key-name', {_USED} '[-._a-zA-Z0-9]+')"
        )
    if text in (".", ".."):
        found.append(f"must not be '{text}'")
    elif text.startswith(".."):
        found.append("must not start with '..'")
    return found


def header_name(text: str) -> list[str]:
    """The name of an HTTP header."""
    if _match("[-A-Za-z0-9]+", text):
        return []
    return [
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
        f"{_USED} '[-A-Za-z0-9]+')"
    ]


def percent(text: str) -> list[str]:
    """A share such as 25%."""
    if _match("[0-9]+%", text):
        return []
    return [
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
        f"{_USED} '[0-9]+%')"
    ]


def ip_problems(text: Any) -> list[str]:
    """An IP address. Leading zeros count as decimal, as in old objects."""
    return [] if _address(str(text)) is not None else [NO_IP]


def cidr_problems(text: Any) -> list[str]:
    """A range of addresses such as 10.0.0.0/8."""
    return [] if network(text) is not None else [NO_CIDR]


def network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the range of addresses, or None."""
    address, slash, bits = str(text).partition("/")
    plain = _address(address)
    if plain is None or not slash or not bits.isdigit() or "%" in address:
        return None
    try:
        return ipaddress.ip_network(f"{plain}/{bits}", strict=False)
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if _match(r"\d+\.\d+\.\d+\.\d+", text):
        text = ".".join(str(int(part)) for part in text.split("."))
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
