"""Properties of cosyvoice3src that the variable PROPERTIES gives, such as PROPERTIES="voice=ru_female speed=1.2".

Its words are set as properties and never become part of a pipeline's description, where a `!` in them would mean another
element. A string is taken as it stands, without quotes; a blank ends it, as in the shell scripts.
"""
import os
import sys

from gi.repository import GObject


def set_properties(element):
    """Sets the properties, and ends the program where one does not exist or cannot have its value."""
    for word in os.environ.get("PROPERTIES", "").split():
        name, given, text = word.partition("=")
        spec = element.find_property(name)
        if not given:
            sys.exit(f"error: PROPERTIES: expected NAME=VALUE, not {word!r}")
        if not is_settable(element, spec):
            names = sorted(spec.name for spec in element.list_properties() if is_settable(element, spec))
            sys.exit(f"error: PROPERTIES: there is no property {name!r}; the properties are {', '.join(names)}")
        value = parse(spec, text)
        if value is None:
            sys.exit(f"error: PROPERTIES: the property {name!r} cannot be {text!r}: expected {values(spec)}")
        element.set_property(name, value)


def is_settable(element, spec):
    return spec is not None and spec.owner_type == element.__gtype__ and bool(spec.flags & GObject.ParamFlags.WRITABLE)


def parse(spec, text):
    """The value in the notation of gst-launch-1.0; None where the property cannot have it."""
    kind = spec.value_type.fundamental
    if kind == GObject.TYPE_STRING:
        return text
    if kind == GObject.TYPE_BOOLEAN:
        return {"true": True, "false": False}.get(text.lower())
    if kind == GObject.TYPE_ENUM:
        return next((value for value in members(spec) if value.value_nick == text), None)
    try:
        number = (float if kind == GObject.TYPE_DOUBLE else int)(text)
    except ValueError:
        return None
    return number if spec.minimum <= number <= spec.maximum else None


def values(spec):
    """The values that the property takes, in words."""
    kind = spec.value_type.fundamental
    if kind == GObject.TYPE_BOOLEAN:
        return "true or false"
    if kind == GObject.TYPE_ENUM:
        return ", ".join(value.value_nick for value in members(spec))
    return f"a number from {spec.minimum} to {spec.maximum}"


def members(spec):
    return spec.enum_class.__enum_values__.values()
